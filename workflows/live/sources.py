"""Live frames from a camera of this machine, or a file played at its own pace."""

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
from av.error import FFmpegError

from ...engines.errors import MediaError
from ...engines.video.open import opened

SILENCE = 5.0  # seconds without data after which a source is given up
_BEHIND = 1.0  # seconds; a file decoded later than that goes on from now, not as fast as it can

Say = Callable[[str], None]
Pictures = Iterator[tuple[int, av.VideoFrame]]


@dataclass(frozen=True)
class SourceOptions:
    """What is asked of a source.

    fps:  a file's pace, what a camera is asked for, the most that are taken of a stream; 0 = as is
    size: height and width that a camera is asked for
    loop: a file begins anew at its end
    """

    fps: float = 0.0
    size: tuple[int, int] | None = None
    loop: bool = False


class FrameSource:
    """Frames as they come. `open`, then `pictures` in a thread, then `close`.

    size: height and width, (0, 0) = unknown; rate: frames a second; both known once it is open
    """

    def __init__(self, name: str, options: SourceOptions):
        self.name = name
        self.options = options
        self.size = (0, 0)
        self.rate = options.fps or 30.0

    def open(self) -> None:
        """Raise `MediaError` for what cannot be opened."""

    def pictures(self, stop: threading.Event, say: Say) -> Pictures:
        """Pictures with the number of their clip, until the end or `stop`.

        Raises `MediaError` where the source goes away for good.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of it."""


class Clock:
    """Holds pictures back until they are due; clips one after the other."""

    def __init__(self, stop: threading.Event):
        self._stop = stop
        self._start: float | None = None
        self._end = 0.0  # where the next clip begins, in seconds

    def paced(
        self, pictures: Iterator[av.VideoFrame], rate: float, *, fixed: bool = False
    ) -> Iterator[av.VideoFrame]:
        """The pictures of a clip, until the stop.

        rate: frames a second where they have no times, or where it is `fixed`
        """
        begin = self._end
        first: float | None = None
        for number, picture in enumerate(pictures):
            at = number / rate
            if not fixed and picture.time is not None:
                first = picture.time if first is None else first
                at = picture.time - first
            self._wait_until(begin + at)
            if self._stop.is_set():
                return
            self._end = begin + at + 1 / rate
            yield picture

    def _wait_until(self, at: float) -> None:
        now = time.monotonic()
        if self._start is None or now > self._start + at + _BEHIND:
            self._start = now - at
        self._stop.wait(max(0.0, self._start + at - now))


class FileSource(FrameSource):
    """A file, played in real time."""

    def open(self) -> None:
        with opened(Path(self.name)) as container:
            self.size, rate = stated(container)
        self.rate = self.options.fps or rate

    def pictures(self, stop: threading.Event, say: Say) -> Pictures:
        clock = Clock(stop)
        clip = 0
        while clip == 0 or self.options.loop:
            done = 0
            with opened(Path(self.name)) as container:
                container.streams.video[0].thread_type = "AUTO"
                decoded = _decoded(container, self.name)
                for picture in clock.paced(decoded, self.rate, fixed=self.options.fps > 0):
                    yield clip, picture
                    done += 1
            if stop.is_set():
                return
            if not done:
                raise MediaError(f"{self.name}: the video stream has no frames")
            clip += 1


def stated(container: InputContainer) -> tuple[tuple[int, int], float]:
    """Height and width, and frames a second."""
    stream = container.streams.video[0]
    rate = stream.average_rate or stream.guessed_rate or Fraction(30)
    return (stream.height, stream.width), float(rate)


def _decoded(container: InputContainer, name: str) -> Iterator[av.VideoFrame]:
    done = 0
    try:
        for picture in container.decode(container.streams.video[0]):
            yield picture
            done += 1
    except FFmpegError as error:
        raise MediaError(
            f"{name}: breaks off or is damaged after {done} frames ({error.strerror}); copy the "
            "file again"
        ) from error


class CameraSource(FrameSource):
    """A camera of this machine, by number or device path; OpenCV opens it."""

    _capture: Any = None

    def open(self) -> None:
        import cv2

        linux = sys.platform.startswith("linux")
        device = Path(f"/dev/video{self.name}" if self.name.isdecimal() else self.name)
        if linux:
            _check_device(device)
        given: Any = int(self.name) if self.name.isdecimal() else self.name
        self._capture = cv2.VideoCapture(given, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise MediaError(
                f"camera {self.name}: cannot be opened; close other programs that use it, allow "
                "this one to use cameras, or choose another number"
            )
        asked = {cv2.CAP_PROP_BUFFERSIZE: 1.0, cv2.CAP_PROP_FPS: self.options.fps}
        if self.options.size is not None:
            asked[cv2.CAP_PROP_FRAME_HEIGHT], asked[cv2.CAP_PROP_FRAME_WIDTH] = self.options.size
        for key, value in asked.items():
            if value:
                self._capture.set(key, value)  # drivers take what is nearest, or nothing
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
                    f"camera {self.name}: gives no more pictures; look at its cable, and whether "
                    "another program took it"
                )

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _check_device(device: Path) -> None:
    """Raise `MediaError` for a device file that is not there or may not be read."""
    if not device.exists():
        there = sorted(str(path) for path in Path("/dev").glob("video*"))
        raise MediaError(
            f"{device}: there is no such camera; found {', '.join(there) or 'none'}. Plug one in, "
            "or give --source a file or a URL"
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise MediaError(
            f"{device}: may not be read; add yourself to the group video and log in again"
        )
