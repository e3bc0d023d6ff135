"""Video files to frames."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import torch
from av.container import InputContainer
from av.error import FFmpegError
from torch import Tensor

from ..errors import MediaError
from .clip import Audio, Clip


def read_video(path: Path, *, progress: Callable[[int, int], None] | None = None) -> Clip:
    """All frames of the first video stream, RGB, and the first audio stream if there is one.

    progress: called with frames done and the number that the file promises (0 if unknown)

    Raises `MediaError` for a file that is missing, no video, without a video stream, without
    frames, or broken off before its end.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        promised = stream.frames
        frames: Tensor | None = None
        done = 0
        spare: list[Tensor] = []
        for picture in _decoded(container, path, promised):
            pixels = torch.from_numpy(picture.to_ndarray(format="rgb24"))
            if frames is None:
                _check_memory(path, max(promised, 1) * pixels.numel() * 4)
                # One block when the file says how many: no second copy at the end.
                frames = torch.empty(promised, *pixels.shape)
            if pixels.shape != frames.shape[1:]:
                raise MediaError(
                    f"{path}: the picture size changes at frame {done} from "
                    f"{frames.shape[2]}x{frames.shape[1]} to {pixels.shape[1]}x{pixels.shape[0]}; "
                    "re-encode the video at one size"
                )
            if done < promised:
                torch.div(pixels, 255, out=frames[done])
            else:
                spare.append(pixels / 255)
            done += 1
            if progress is not None:
                progress(done, promised)
        if frames is None or done == 0:
            raise MediaError(f"{path}: the video stream has no frames")
        stated = stream.average_rate or stream.guessed_rate or Fraction(1)
        rate = Fraction(stated.numerator, stated.denominator)
    if spare:
        frames = torch.cat([frames, torch.stack(spare)])
    return Clip(frames[:done], rate, _read_audio(path))


def video_size(path: Path) -> tuple[int, int]:
    """Height and width that the file states. Raises as `read_video` does."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        return stream.height, stream.width


def _check_memory(path: Path, needed: int) -> None:
    """Raise `MediaError` when the frames cannot lie in this machine's memory all at once."""
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return  # a system that does not tell, such as Windows
    if needed > there:
        raise MediaError(
            f"{path}: its frames need {needed / 2**30:.0f} GiB of memory, this machine has "
            f"{there / 2**30:.0f}; cut it into parts or scale it down first, "
            "e.g. ffmpeg -i IN -vf scale=832:-2 -t 60 OUT.mp4"
        )


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
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


def _decoded(container: InputContainer, path: Path, promised: int) -> Iterator[av.VideoFrame]:
    done = 0
    cure = "copy the file again, or save the readable part: ffmpeg -i IN -c copy OUT.mp4"
    try:
        for packet in container.demux(container.streams.video[0]):
            if packet.is_corrupt:
                raise MediaError(f"{path}: breaks off after {done} of {promised} frames; {cure}")
            for picture in packet.decode():
                yield picture
                done += 1
    except FFmpegError as error:
        of = f" of {promised}" if promised else ""
        raise MediaError(
            f"{path}: breaks off or is damaged after {done}{of} frames ({error.strerror}); {cure}"
        ) from error


def _read_audio(path: Path) -> Audio | None:
    with _opened(path) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout)
        pieces: list[Tensor] = []
        try:
            for frame in container.decode(stream):
                pieces += [
                    torch.from_numpy(part.to_ndarray()) for part in resampler.resample(frame)
                ]
            pieces += [torch.from_numpy(part.to_ndarray()) for part in resampler.resample(None)]
        except FFmpegError as error:
            raise MediaError(f"{path}: the sound is damaged ({error.strerror})") from error
        if not pieces:
            return None
        return Audio(torch.cat(pieces, dim=1)[None], stream.rate)
