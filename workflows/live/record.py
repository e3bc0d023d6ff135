"""Record what a live run shows as mp4 files that play in real time."""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from ...engines.errors import InputError, KinographError, MediaError
from ...engines.files import atomic_write
from .slot import Drawn

_TICKS = 90_000  # per second, MPEG's own clock
_DEFAULT = Path("kinograph_live.mp4")


class Recorder:
    """Encodes pictures with their capture times.

    The file appears when the recorder is closed; without pictures there is none.

    rate:     frames per second that the encoder plans for
    metadata: of the container

    Raises `InputError` for a path that exists or does not end in .mp4.
    """

    def __init__(self, path: Path, rate: float, metadata: Mapping[str, str]):
        if path.suffix.lower() != ".mp4":
            raise InputError(f"--record {path}: expected a name that ends in .mp4")
        if path.exists():
            raise InputError(f"--record {path}: exists already; choose another name")
        self.path = path
        self.frames = 0
        self.is_cropped = False
        self._rate = Fraction(max(1, round(rate)))
        self._metadata = metadata
        self._open = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._size = (0, 0)
        self._start = 0.0
        self._last = -1

    def fits(self, drawn: Drawn) -> bool:
        """Return whether a picture has the size of the first, or is the first."""
        return self._container is None or self._size == _even(drawn)

    def write(self, drawn: Drawn) -> None:
        """Encode a picture.

        Raises `MediaError` for a picture of another size than the first, and for a full disk.
        """
        tall, wide = _even(drawn)
        self.is_cropped = (tall, wide) != drawn.pixels.shape[:2]
        try:
            if self._container is None:
                self._begin(drawn, tall, wide)
            if (tall, wide) != self._size:
                raise MediaError(
                    f"{self.path}: the picture size changes from {self._size[1]}x{self._size[0]} "
                    f"to {wide}x{tall}; fix it with --size WxH"
                )
            pixels = np.ascontiguousarray(drawn.pixels[:tall, :wide])
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            at = round((drawn.captured - self._start) * _TICKS)
            self._last = frame.pts = max(at, self._last + 1)
            frame.time_base = Fraction(1, _TICKS)
            self._container.mux(self._stream.encode(frame))
        except FFmpegError as error:
            raise self._failure(error) from error
        self.frames += 1

    def _begin(self, drawn: Drawn, tall: int, wide: int) -> None:
        tags = {"movflags": "use_metadata_tags"}
        with ExitStack() as opening:
            aside = opening.enter_context(atomic_write(self.path))
            container: Any = opening.enter_context(
                av.open(str(aside), "w", format="mp4", options=tags)
            )
            for key, value in self._metadata.items():
                container.metadata[key] = value
            stream = container.add_stream("h264", rate=self._rate, options={"preset": "veryfast"})
            stream.width, stream.height = wide, tall
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = Fraction(1, _TICKS)
            self._open = opening.pop_all()
        self._container, self._stream = container, stream
        self._size, self._start = (tall, wide), drawn.captured

    def close(self) -> None:
        """Finish the file. Raises `MediaError` for a full disk."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            with self._open:
                container.mux(self._stream.encode(None))
        except FFmpegError as error:
            raise self._failure(error) from error

    def _failure(self, error: FFmpegError) -> MediaError:
        return MediaError(f"{self.path}: cannot be encoded ({error.strerror})")


def _even(drawn: Drawn) -> tuple[int, int]:
    """Return the height and width of a picture as H.264 in 4:2:0 takes it."""
    tall, wide = drawn.pixels.shape[:2]
    return tall - tall % 2, wide - wide % 2


class Recordings:
    """The recordings of a run: from its beginning, and whenever a viewer asks for one.

    The first file is `path`. Further ones are numbered, in the same folder. A picture of another
    size starts a new file.

    files:    the files that are complete
    rate:     frames per second that the encoder plans for
    metadata: returns what a file that begins carries
    say:      called with messages for the user
    path:     record from the beginning, into this file; None: when asked to, into the folder in
              which the command runs

    Raises `InputError` for a path that exists or does not end in .mp4.
    """

    def __init__(
        self,
        rate: float,
        metadata: Callable[[], Mapping[str, str]],
        say: Callable[[str], None],
        path: Path | None = None,
    ):
        self.files: list[Path] = []
        self._rate = rate
        self._metadata = metadata
        self._say = say
        self._place = (path or _DEFAULT).resolve()
        self._lock = threading.Lock()  # of what is wanted, which viewers change
        self._wanted: Recorder | None = None
        self._going: Recorder | None = None
        self._since = 0.0
        self._lasts = 0.0
        self._is_required = path is not None
        if path is not None:
            self._wanted = Recorder(path, rate, metadata())

    def start(self) -> Path:
        """Record from the next picture on; return the file. May be called from any thread."""
        with self._lock:
            if self._wanted is None:
                self._wanted = self._next()
            return self._wanted.path

    def stop(self) -> None:
        """End the recording with the last picture. May be called from any thread."""
        with self._lock:
            self._wanted = None

    def write(self, drawn: Drawn) -> None:
        """Encode a picture if there is a recording.

        Raises `MediaError` where a recording from the beginning cannot be written. Others end with
        a message.
        """
        self.tend()
        if self._going is None:
            return
        try:
            if not self._going.fits(drawn):
                with self._lock:
                    self._wanted = self._next()
                self.tend()
            if not self._going.frames:
                self._since = drawn.captured
            self._going.write(drawn)
        except KinographError as error:
            if self._is_required:
                raise
            self._say(f"the recording ends: {error}")
            self._going = None
            self.stop()
            return
        self._lasts = drawn.captured - self._since
        if self._going.frames == 1 and self._going.is_cropped:
            self._say("the recording is cropped by a row or column, as H.264 needs even sides")

    def tend(self) -> None:
        """End a recording that is no longer wanted, and start another one that is."""
        with self._lock:
            wanted = self._wanted
        if wanted is self._going:
            return
        self._finish()
        self._going, self._lasts = wanted, 0.0

    def close(self) -> None:
        """Complete the file. Raises `MediaError` for a full disk."""
        self.stop()
        self._finish()

    def _finish(self) -> None:
        going, self._going = self._going, None
        if going is None:
            return
        going.close()
        self._is_required = False
        if going.frames:
            self.files.append(going.path)
            self._say(f"recorded {going.path}")

    def _next(self) -> Recorder:
        stem, number = self._place.stem, 1
        while (path := self._place.with_name(f"{stem}_{number:05}.mp4")).exists() or (
            self._going is not None and path == self._going.path
        ):
            number += 1
        return Recorder(path, self._rate, self._metadata())

    def now(self) -> dict[str, Any]:
        """Return whether there is a recording, into which file, its length in seconds, and the
        files that are complete, for the page."""
        with self._lock:
            wanted = self._wanted
        return {
            "on": wanted is not None,
            "file": None if wanted is None else str(wanted.path),
            "seconds": round(self._lasts, 1),
            "files": [str(path) for path in self.files],
        }
