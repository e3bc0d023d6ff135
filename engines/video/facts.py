"""What a video file says about its pictures: orientation, pixel shape, colour, alpha, timing."""

import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import ColorPrimaries, ColorTrc
from av.video.stream import VideoStream

_TENTH_OF_A_PERCENT = 0.001
_MOST_STRETCHED = 16  # times; a pixel that is longer is damage


@dataclass(frozen=True)
class Orientation:
    """How stored pictures are turned for display: transposed first, then mirrored.

    The eight cases of a display matrix of ISO/IEC 14496-12 (`tkhd`) that maps pixels to pixels.
    """

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    @property
    def is_upright(self) -> bool:
        """Whether nothing has to be done."""
        return self == Orientation()

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of a picture after it is turned."""
        return (width, height) if self.transposed else (height, width)

    def __str__(self) -> str:
        return _ORIENTATIONS[self]


_ORIENTATIONS = {
    Orientation(): "upright",
    Orientation(True, False, True): "rotated by 90° counterclockwise",
    Orientation(False, True, True): "rotated by 180°",
    Orientation(True, True, False): "rotated by 90° clockwise",
    Orientation(False, True, False): "mirrored left to right",
    Orientation(False, False, True): "mirrored top to bottom",
    Orientation(True, False, False): "transposed",
    Orientation(True, True, True): "transposed along the other diagonal",
}


class Transfer(IntEnum):
    """Transfer characteristics that need tone mapping; numbers of ITU-T H.273, table 3."""

    PQ = int(ColorTrc.SMPTE2084)
    HLG = int(ColorTrc.ARIB_STD_B67)


@dataclass(frozen=True)
class PictureFacts:
    """What the stream and its first picture say.

    stored:      height and width of the coded pictures, px
    orientation: how they are turned for display
    pixel:       width : height of a stored pixel
    transfer:    set for HDR pictures
    peak:        brightest pixel of HDR pictures in cd/m²; 0 if not stated
    wide_gamut:  whether the primaries are those of BT.2020
    has_alpha:   whether there is an alpha channel, which VP8 and VP9 keep in a second picture
    interlaced:  whether pictures are two fields
    remarks:     what cannot be honoured, in words
    """

    stored: tuple[int, int]
    orientation: Orientation
    pixel: Fraction
    transfer: Transfer | None
    peak: float
    wide_gamut: bool
    has_alpha: bool
    interlaced: bool
    remarks: tuple[str, ...] = ()

    @property
    def square(self) -> tuple[int, int]:
        """Height and width with square pixels, before the picture is turned.

        The side that grows is rounded to an even number, which encoders need.
        """
        height, width = self.stored
        if self.pixel > 1:
            return height, 2 * round(width * self.pixel / 2)
        if self.pixel < 1:
            return 2 * round(height / self.pixel / 2), width
        return height, width

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures as they are read: square pixels, upright."""
        return self.orientation.size(*self.square)

    @property
    def words(self) -> tuple[str, ...]:
        """What reading does to the pictures beyond decoding them, and what it ignores."""
        said = list(self.remarks)
        if not self.orientation.is_upright:
            said.append(f"its frames are {self.orientation} as the file asks")
        if self.square != self.stored:
            height, width = self.square
            said.append(
                f"its pixels are not square ({_ratio(self.pixel)}); "
                f"frames are scaled from {self.stored[1]}x{self.stored[0]} to {width}x{height}"
            )
        if self.transfer is not None:
            kind = "PQ" if self.transfer is Transfer.PQ else "HLG"
            said.append(f"it is HDR ({kind}); tone-mapped to SDR by the curve of ITU-R BT.2390")
        elif self.wide_gamut:
            said.append("its colours are BT.2020; converted to BT.709")
        if self.interlaced:
            said.append("it is interlaced; deinterlaced by bwdif")
        return tuple(said)


def video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first video stream that is no cover art, or None."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None


def picture_facts(stream: VideoStream, first: av.VideoFrame) -> PictureFacts:
    """Return what `stream` and its first decoded picture say."""
    orientation, remarks = _orientation(first)
    pixel = _pixel(stream)
    if not 1 / _MOST_STRETCHED <= pixel <= _MOST_STRETCHED:
        remarks = (*remarks, f"it says that its pixels are {_ratio(pixel)}, which is ignored")
        pixel = Fraction(1)
    transfer = next((t for t in Transfer if t == first.color_trc), None)
    return PictureFacts(
        stored=(first.height, first.width),
        orientation=orientation,
        pixel=pixel,
        transfer=transfer,
        peak=_peak(first) if transfer else 0.0,
        wide_gamut=first.color_primaries == ColorPrimaries.BT2020,
        has_alpha=has_alpha(stream, first),
        interlaced=bool(first.interlaced_frame),
        remarks=remarks,
    )


def has_alpha(stream: VideoStream, picture: av.VideoFrame) -> bool:
    """Return whether there is an alpha channel, decoded or not (Matroska's AlphaMode)."""
    if any(component.is_alpha for component in picture.format.components):
        return True
    return stream.metadata.get("alpha_mode", "0") == "1"


def _ratio(pixel: Fraction) -> str:
    return f"{pixel.numerator}:{pixel.denominator}"


def _pixel(stream: VideoStream) -> Fraction:
    """Return the container's pixel aspect ratio, else the codec's; nearly square is square."""
    for stated in (stream.sample_aspect_ratio, stream.codec_context.sample_aspect_ratio):
        if stated is not None and stated > 0:
            ratio = Fraction(stated)
            nearly = abs(ratio - 1) < _TENTH_OF_A_PERCENT
            return Fraction(1) if nearly else ratio
    return Fraction(1)


def _orientation(picture: av.VideoFrame) -> tuple[Orientation, tuple[str, ...]]:
    """Read the display matrix, whose first two columns map x and y; in 16.16 fixed point."""
    matrix = _side_data(picture, SideDataType.DISPLAYMATRIX)
    if matrix is None or len(matrix) < 36:
        return _TURNED.get(picture.rotation % 360, Orientation()), ()
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    length = math.hypot(a, b), math.hypot(c, d)
    if not min(length):
        return Orientation(), ("its display matrix is degenerate and is ignored",)
    straight = max(abs(a), abs(b)) / length[0], max(abs(c), abs(d)) / length[1]
    if min(straight) < 1 - _TENTH_OF_A_PERCENT or (abs(a) > abs(b)) != (abs(d) > abs(c)):
        angle = round(math.degrees(math.atan2(b, a)), 1)
        return Orientation(), (
            f"it asks to be rotated by {angle}°, which is no multiple of 90° and is ignored",
        )
    if abs(a) > abs(b):
        return Orientation(False, a < 0, d < 0), ()
    return Orientation(True, c < 0, b < 0), ()


# By the angle that PyAV finds, counterclockwise.
_TURNED = {
    90: Orientation(True, False, True),
    180: Orientation(False, True, True),
    270: Orientation(True, True, False),
}


def _side_data(picture: av.VideoFrame, kind: SideDataType) -> bytes | None:
    try:
        held: Any = picture.side_data  # a mapping by kind, whatever its annotations say
    except ValueError:  # PyAV does not know all kinds that FFmpeg has, such as EXIF
        return None
    found = held.get(kind)
    return None if found is None else bytes(found)


def _peak(picture: av.VideoFrame) -> float:
    """Return MaxCLL, else the peak of the mastering display, cd/m²; 0 if neither is stated."""
    light = _side_data(picture, SideDataType.CONTENT_LIGHT_LEVEL)
    if light is not None:
        (most,) = struct.unpack("=I", light[:4])
        if most:
            return float(most)
    mastering = _side_data(picture, SideDataType.MASTERING_DISPLAY_METADATA)
    if mastering is not None and len(mastering) >= 88:
        # AVMasteringDisplayMetadata: 6 + 2 rationals, then min and max luminance, then two flags
        numbers = struct.unpack("=20i", mastering[:80])
        numerator, denominator = numbers[18], numbers[19]
        if numerator > 0 and denominator > 0:
            return float(numerator / denominator)
    return 0.0
