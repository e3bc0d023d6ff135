"""Open video files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from ..errors import MediaError
from .facts import video_stream


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a file with a video stream. Raises `MediaError` for anything else."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise MediaError(f"{path}: expected a video file, but it {what}")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except FFmpegError as error:
        raise MediaError(
            f"{path}: is not a video that FFmpeg can read, or is cut off ({error.strerror}); "
            "check that it plays, or copy it again"
        ) from error
    with container:
        if video_stream(container) is None:
            kinds = {str(s.type) for s in container.streams} - {"video"}
            if container.streams.video:
                kinds.add("cover art")
            found = " and ".join(sorted(kinds)) or "nothing"
            raise MediaError(f"{path}: has no video stream, only {found}")
        yield container


@contextmanager
def opened_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and its first video stream that is no cover art. Raises as `opened` does."""
    with opened(path) as container:
        stream = video_stream(container)
        assert stream is not None  # `opened` has looked
        yield container, stream
