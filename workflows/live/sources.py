"""Sources of live frames on this machine: cameras, and files played in real time."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from ...engines.errors import MediaError
from ...engines.video.decode import decoded, deinterlaced
from ...engines.video.facts import PictureFacts
from ...engines.video.open import opened_video
from ...engines.video.pixels import PixelConverter
from ...engines.video.probe import probe
from .slot import Pixels, plain_pixels

SILENCE = 5.0  # seconds without data after which a source is given up
_MAX_LAG = 1.0  # seconds; a file that falls further behind continues from now, without catching up

Say = Callable[[str], None]
Pictures = Iterator[tuple[int, av.VideoFrame]]


@dataclass(frozen=True)
class SourceOptions:
    """What the user wants of a source.

    fps:  frames per second: the pace of a file, what a camera is asked for, the limit for a stream;
          0: as it is
    size: height and width that a camera is asked for
    loop: restart a file at its end
    """

    fps: float = 0.0
    size: tuple[int, int] | None = None
    loop: bool = False


class FrameSource:
    """Frames as they arrive. Call `open`, then `pictures` in a thread, then `close`.

    size:    height and width once it is open; (0, 0): unknown
    rate:    frames per second once it is open
    convert: picture -> pixels [H,W,3] RGB, as its pictures are to be seen
    """

    convert: Callable[[av.VideoFrame], Pixels] = staticmethod(plain_pixels)

    def __init__(self, name: str, options: SourceOptions):
        self.name = name
        self.options = options
        self.size = (0, 0)
        self.rate = options.fps or 30.0

    def open(self) -> None:
        """Open the source. Raises `MediaError` if that fails."""

    def pictures(self, stop: threading.Event, say: Say) -> Pictures:
        """Yield pictures with the number of their clip, until the end or until `stop` is set.

        say: called with messages for the user

        Raises `MediaError` if the source is lost for good.
        """
        raise NotImplementedError

    def obey(self, facts: PictureFacts) -> None:
        """Convert pictures as the stream asks for: upright, with square pixels, in SDR."""
        converter = PixelConverter(facts)
        one = threading.Lock()  # the graph and the page's viewers ask for pixels

        def convert(picture: av.VideoFrame) -> Pixels:
            with one:
                return converter.of(picture).numpy()

        self.convert = convert

    def close(self) -> None:
        """Release the source."""


class Clock:
    """Delays pictures until they are due, clip after clip."""

    def __init__(self, stop: threading.Event):
        self._stop = stop
        self._start: float | None = None
        self._end = 0.0  # when the next clip starts, in seconds

    def paced(
        self, pictures: Iterator[av.VideoFrame], rate: float, *, fixed: bool = False
    ) -> Iterator[av.VideoFrame]:
        """Yield the pictures of a clip when they are due, until the stop.

        rate:  frames per second, for pictures without timestamps
        fixed: ignore timestamps
        """
        start = self._end
        first: float | None = None
        for number, picture in enumerate(pictures):
            at = number / rate
            if not fixed and picture.time is not None:
                first = picture.time if first is None else first
                at = picture.time - first
            self._wait_until(start + at)
            if self._stop.is_set():
                return
            self._end = start + at + 1 / rate
            yield picture

    def _wait_until(self, at: float) -> None:
        now = time.monotonic()
        if self._start is None or now > self._start + at + _MAX_LAG:
            self._start = now - at
        self._stop.wait(max(0.0, self._start + at - now))


class FileSource(FrameSource):
    """A file, played in real time."""

    def open(self) -> None:
        probed = probe(Path(self.name))
        self.size = probed.facts.size
        self.rate = self.options.fps or float(probed.timing.average)
        self.obey(probed.facts)

    def pictures(self, stop: threading.Event, say: Say) -> Pictures:
        path = Path(self.name)
        facts = probe(path).facts
        for words in facts.words:
            say(f"{path.name}: {words}")
        clock = Clock(stop)
        clip = 0
        while clip == 0 or self.options.loop:
            done = 0
            with opened_video(path) as (container, stream):
                pictures = decoded(container, stream, path)
                if facts.interlaced and stream.time_base is not None:
                    pictures = deinterlaced(pictures, Fraction(stream.time_base))
                for picture in clock.paced(pictures, self.rate, fixed=self.options.fps > 0):
                    yield clip, picture
                    done += 1
            if stop.is_set():
                return
            if not done:
                raise MediaError(f"{self.name}: the video stream has no frames")
            clip += 1


def stated(container: InputContainer) -> tuple[tuple[int, int], float]:
    """Return height and width, and frames per second, as the container states them."""
    stream = container.streams.video[0]
    rate = stream.average_rate or stream.guessed_rate or Fraction(30)
    return (stream.height, stream.width), float(rate)


class CameraSource(FrameSource):
    """A camera of this machine, by number or device path, through OpenCV."""

    _capture: Any = None

    def open(self) -> None:
        import cv2

        linux = sys.platform.startswith("linux")
        device = Path(f"/dev/video{self.name}" if self.name.isdecimal() else self.name)
        if linux:
            _check_device(device)
        camera: Any = int(self.name) if self.name.isdecimal() else self.name
        self._capture = cv2.VideoCapture(camera, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise MediaError(
                f"camera {self.name}: cannot be opened; close other programs that use it, give "
                "this one permission to use cameras, or choose another number"
            )
        asked = {cv2.CAP_PROP_BUFFERSIZE: 1.0, cv2.CAP_PROP_FPS: self.options.fps}
        if self.options.size is not None:
            asked[cv2.CAP_PROP_FRAME_HEIGHT], asked[cv2.CAP_PROP_FRAME_WIDTH] = self.options.size
        for key, value in asked.items():
            if value:
                self._capture.set(key, value)  # drivers use the nearest value, or ignore it
        tall, wide = (
            int(self._capture.get(key))
            for key in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
        )
        self.size = (tall, wide)
        self.rate = float(self._capture.get(cv2.CAP_PROP_FPS)) or self.rate

    def pictures(self, stop: threading.Event, say: Say) -> Pictures:
        last = time.monotonic()
        while not stop.is_set():
            there, pixels = self._capture.read()
            if there:
                last = time.monotonic()
                yield 0, av.VideoFrame.from_ndarray(pixels, format="bgr24")
            elif time.monotonic() - last < SILENCE:
                stop.wait(0.05)
            else:
                raise MediaError(
                    f"camera {self.name}: delivers no more pictures; check its cable, and whether "
                    "another program uses it"
                )

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _check_device(device: Path) -> None:
    """Raise `MediaError` for a device file that does not exist or is not readable."""
    if not device.exists():
        cameras = sorted(str(path) for path in Path("/dev").glob("video*"))
        raise MediaError(
            f"{device}: there is no such camera; found {', '.join(cameras) or 'none'}. Plug one "
            "in, or give --source a file or a URL"
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise MediaError(
            f"{device}: permission denied; add yourself to the group video and log in again"
        )
