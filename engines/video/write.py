"""Encode frames as video files."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from av.error import FFmpegError
from torch import Tensor

from ..errors import MediaError
from ..files import atomic_write
from .clip import Clip
from .encoding import PLAIN, Encoding, as_encoded
from .segments import SEGMENT, Planes, join_segments, planes_of, to_bytes, write_segment

_AT_ONCE = 16  # frames turned to bytes together


def write_video(
    path: Path,
    clip: Clip,
    *,
    metadata: Mapping[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
    encoding: Encoding = PLAIN,
) -> None:
    """Write an mp4 or mkv: H.264, 4:2:0, at the encoder's default quality; sound as AAC.

    As ComfyUI's Save Video does: the same encoder settings, pixels cut (not rounded) to 8 bit. The
    rate is the nearest fraction with a denominator of 1001 or less. Always in segments, see
    `segments`. The file appears when it is complete.

    metadata: of the container; ComfyUI keeps `prompt` and `workflow` there, as JSON
    progress: called with the number of frames encoded since the last call

    Odd sides are padded to even ones, see `padded`. Raises `MediaError` for no frames, or a folder
    that cannot be written.
    """
    frames = len(clip.frames)
    if frames == 0:
        raise MediaError(f"{path}: no frames to write")
    rate = as_encoded(clip.rate)
    try:
        with (
            atomic_write(path) as aside,
            tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder,
        ):
            segments: list[Path] = []
            for part in clip.frames.split(SEGMENT):
                segments.append(Path(folder, f"{len(segments):06}.mp4"))
                write_segment(segments[-1], _planes(part, progress, encoding), rate, encoding)
            join_segments(aside, segments, rate, frames=frames, sound=clip.audio, metadata=metadata)
    except FFmpegError as error:
        raise MediaError(f"{path}: cannot be encoded ({error.strerror})") from error


def _planes(
    frames: Tensor, progress: Callable[[int], None] | None, encoding: Encoding
) -> Iterator[Planes]:
    for chunk in frames.split(_AT_ONCE):
        yield from planes_of(to_bytes(chunk), encoding)
        if progress is not None:
            progress(len(chunk))
