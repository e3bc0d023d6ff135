"""Record what a live run shows as an mp4 that plays in real time."""

from collections.abc import Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from ...engines.errors import InputError, MediaError
from ...engines.files import atomic_write
from .slot import Drawn

_TICKS = 90_000  # per second, MPEG's own clock


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

    def write(self, drawn: Drawn) -> None:
        """Encode a picture.

        Raises `MediaError` for a picture of another size than the first, and for a full disk.
        """
        tall, wide = (side - side % 2 for side in drawn.pixels.shape[:2])  # H.264 in 4:2:0
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
