"""Open video files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from ..errors import MediaError


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a container with a video stream. Raises `MediaError` for anything else."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise MediaError(f"{path}: expected a video file, but it {what}")
    try:
        container = av.open(str(path))
    except FFmpegError as error:
        raise MediaError(
            f"{path}: is not a video that FFmpeg can read, or is cut off ({error.strerror}); "
            "check that it plays, or copy it again"
        ) from error
    with container:
        if not container.streams.video:
            kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
            raise MediaError(f"{path}: has no video stream, only {kinds}")
        yield container
