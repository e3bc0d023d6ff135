"""H.264 in segments: each encoded by itself, joined without encoding again.

What x264 makes of a frame depends on those around it. So that a video has the same bytes whether
it is encoded at once, in chunks, or in two runs, it is always cut at the same frames.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.container import OutputContainer
from av.video.reformatter import Colorspace, VideoReformatter
from numpy.typing import NDArray
from torch import Tensor

from ..errors import MediaError
from .clip import Audio
from .encoding import PLAIN, Encoding
from .sound import FileSound, channels_of, pieces_of

SEGMENT = 250
"""Frames of a segment: x264's own longest distance between key frames (`keyint`), so that cutting
costs nothing."""

# x264 as it comes gives other bytes from run to run for small pictures, and with another number of
# threads. cpu-independent leaves out the few routines that differ between processors.
_SAME_EVERYWHERE = {"threads": "8", "x264-params": "cpu-independent=1"}

# Frames that x264 shows later than it stores them, at most: B frames of which one is referred to
# (its defaults bframes 3, b-pyramid normal). Its first packet is stamped that much before 0.
_REORDERED = 2

_BT709, _SRGB, _LIMITED = 1, 13, 1  # FFmpeg's numbers

Planes = NDArray[np.uint8]


def planes_of(
    pictures: Iterable[NDArray[np.uint8]], encoding: Encoding = PLAIN
) -> Iterator[Planes]:
    """Convert frames [H,W,3] RGB to the encoder's planes [H*3/2,W], 4:2:0.

    Odd sides become even: the last row or column is repeated.
    """
    colours = {"dst_colorspace": Colorspace.ITU709} if encoding.tagged else {}
    converter = VideoReformatter()  # creating one takes longer than a small picture
    for pixels in pictures:
        odd = [(0, side % 2) for side in pixels.shape[:2]]
        if odd != [(0, 0), (0, 0)]:
            pixels = np.pad(pixels, [*odd, (0, 0)], mode="edge")
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        planes: Any = converter.reformat(frame, format="yuv420p", **colours).to_ndarray()
        yield planes


def to_bytes(frames: Tensor) -> NDArray[np.uint8]:
    """Convert [F,H,W,3] 0..1 to 0..255, truncated as in ComfyUI's Save Video."""
    pixels: NDArray[np.uint8] = (frames * 255).clamp(0, 255).to("cpu", torch.uint8).numpy()
    return pixels


def write_segment(
    path: Path, pictures: Iterable[Planes], rate: Fraction, encoding: Encoding = PLAIN
) -> int:
    """Encode pictures [H*3/2,W], at most `SEGMENT` and at least 1, to `path`, and return how many.

    Raises FFmpeg's errors.
    """
    count = 0
    with av.open(str(path), "w", format="mp4") as container:
        rest = iter(pictures)
        first = next(rest)
        options = dict(_SAME_EVERYWHERE)
        if encoding.crf is not None:
            options["crf"] = str(encoding.crf)
        stream = container.add_stream("h264", rate=rate, options=options)
        stream.width, stream.height = first.shape[1], first.shape[0] * 2 // 3
        stream.pix_fmt = "yuv420p"
        if encoding.tagged:
            context = stream.codec_context
            context.color_primaries = context.colorspace = _BT709
            context.color_trc = _SRGB
            context.color_range = _LIMITED
        for planes in chain([first], rest):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = count, 1 / rate
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
    return count


def tags_of(path: Path) -> dict[str, str]:
    """Return the options that let a container hold metadata by any key."""
    return {} if path.suffix == ".mkv" else {"movflags": "use_metadata_tags"}


def join_segments(
    path: Path,
    segments: Sequence[Path],
    rate: Fraction,
    *,
    frames: int,
    sound: Audio | FileSound | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write segments one after the other as an mp4 or mkv, straight to `path`, with sound as AAC
    that is no longer than the picture.

    Raises FFmpeg's errors, and `MediaError` for sound that is damaged.
    """
    kind = "matroska" if path.suffix == ".mkv" else "mp4"
    with (
        av.open(str(path), "w", format=kind, options=tags_of(path)) as container,
        av.open(str(segments[0])) as first,
    ):
        for key, value in (metadata or {}).items():
            container.metadata[key] = value
        stream = container.add_stream_from_template(first.streams.video[0])
        stream.time_base = 1 / rate
        heard = (
            _sound_packets(container, sound, ceil(sound.rate / rate * frames))
            if sound
            else iter(())
        )
        waiting = next(heard, None)
        for packet, number in _packets(segments, rate):
            while waiting is not None and waiting[0] <= number / rate:
                container.mux(waiting[1])
                waiting = next(heard, None)
            packet.stream = stream
            container.mux(packet)
        while waiting is not None:
            container.mux(waiting[1])
            waiting = next(heard, None)


def _packets(segments: Sequence[Path], rate: Fraction) -> Iterator[tuple[Any, int]]:
    """Yield every packet in the order of storage, stamped in frames of the whole, and its
    number."""
    number = start = 0
    for segment in segments:
        with av.open(str(segment)) as container:
            shown = []
            for packet in container.demux(container.streams.video[0]):
                if packet.pts is None:
                    continue  # the end
                at = start + round(packet.pts * packet.time_base * rate)
                packet.time_base = 1 / rate
                packet.pts, packet.dts, packet.duration = at, number - _REORDERED, 1
                shown.append(at)
                yield packet, number
                number += 1
        if sorted(shown) != list(range(start, number)):
            raise MediaError(f"{segment}: expected the frames {start} to {number - 1}, each once")
        start = number


def _sound_packets(
    container: OutputContainer, sound: Audio | FileSound, samples: int
) -> Iterator[tuple[float, Any]]:
    """Yield AAC packets of the first `samples`, with their times in seconds."""
    layout = "mono" if channels_of(sound) == 1 else "stereo"
    stream = container.add_stream("aac", rate=sound.rate, layout=layout)

    def packets() -> Iterator[tuple[float, Any]]:
        done = 0
        for piece in pieces_of(sound):
            wave = piece[:2, : samples - done]
            if not wave.shape[1]:
                break
            packed = wave.T.reshape(1, -1).contiguous().numpy()
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = (
                sound.rate,
                done,
                Fraction(1, sound.rate),
            )
            done += wave.shape[1]
            yield from _timed(stream.encode(frame))
        yield from _timed(stream.encode(None))

    return packets()


def _timed(packets: Iterable[Any]) -> Iterator[tuple[float, Any]]:
    for packet in packets:
        yield float(packet.dts * packet.time_base), packet
