"""Decode the frames of video files."""

import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import torch
from av.container import InputContainer
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter
from torch import Tensor

from ..errors import MediaError
from ..words import counted
from .clip import Clip
from .open import opened
from .sound import find_sound


@dataclass(frozen=True)
class VideoInfo:
    """What a file states: height and width, number of frames (0 = unknown), frames per second."""

    size: tuple[int, int]
    frame_count: int
    rate: Fraction


def read_video(path: Path, *, progress: Callable[[int, int], None] | None = None) -> Clip:
    """Read all frames of the first video stream as RGB, and the first audio stream if there is one.

    progress: called with frames done and the number that the file promises (0 if unknown)

    Raises `MediaError` for a file that is missing, no video, without a video stream, without
    frames, or broken off before its end.
    """
    info = video_info(path)
    frames: Tensor | None = None
    done = 0
    spare: list[Tensor] = []
    for pixels in _pictures(path, 0):
        if frames is None:
            _check_memory(path, max(info.frame_count, 1) * pixels.numel() * 4)
            # One block when the file says how many: no second copy at the end.
            frames = torch.empty(info.frame_count, *pixels.shape)
        if done < info.frame_count:
            torch.div(pixels, 255, out=frames[done])
        else:
            if len(spare) % 64 == 0:  # the file does not say how many there are
                _check_memory(path, (info.frame_count + 2 * len(spare)) * pixels.numel() * 4)
            spare.append(pixels / 255)
        done += 1
        if progress is not None:
            progress(done, info.frame_count)
    assert frames is not None  # else there were no frames, which raises
    if spare:
        rest = torch.stack(spare)
        spare.clear()
        frames = torch.cat([frames, rest]) if info.frame_count else rest
    sound = find_sound(path)
    return Clip(frames[:done], info.rate, None if sound is None else sound.audio())


class FrameReader:
    """The frames of `read_video`, some at a time.

    skip: frames that are passed over at the start
    """

    def __init__(self, path: Path, *, skip: int = 0):
        self._pictures = _pictures(path, skip)

    def take(self, count: int) -> Tensor | None:
        """Return the next `count` frames, or as many as are left, [F,H,W,3] float32; None at the
        end.

        Raises `MediaError` as `read_video` does, when the place is reached.
        """
        pictures = list(islice(self._pictures, count))
        return torch.stack(pictures) / 255 if pictures else None

    def close(self) -> None:
        """Close the file."""
        self._pictures.close()


def read_some(path: Path, indices: list[int]) -> tuple[Tensor, int]:
    """Read the frames [N,H,W,3] at `indices`, which ascend, as far as they exist, and count all
    frames. Raises `MediaError` as `read_video` does."""
    wanted = set(indices)
    found: list[Tensor] = []
    count = 0
    converter = VideoReformatter()
    with opened(path) as container:
        for picture in _decoded(container, path):
            if count in wanted:
                found.append(_pixels(picture, converter))
            count += 1
    if not count:
        raise MediaError(f"{path}: the video stream has no frames")
    return (torch.stack(found) / 255 if found else torch.empty(0)), count


def video_info(path: Path) -> VideoInfo:
    """Return what the file states. Raises as `read_video` does."""
    with opened(path) as container:
        stream = container.streams.video[0]
        stated = stream.average_rate or stream.guessed_rate or Fraction(1)
        rate = Fraction(stated.numerator, stated.denominator)
        return VideoInfo((stream.height, stream.width), stream.frames, rate)


def video_size(path: Path) -> tuple[int, int]:
    """Return the height and width that the file states. Raises as `read_video` does."""
    return video_info(path).size


def _check_memory(path: Path, needed: int) -> None:
    """Raise `MediaError` when the frames cannot lie in this machine's memory all at once."""
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return  # a system that does not tell, such as Windows
    if needed > there:
        raise MediaError(
            f"{path}: its frames need {needed / 2**30:.0f} GiB of memory, this machine has "
            f"{there / 2**30:.0f}; run it in chunks with --chunk 64, or cut it into parts or scale "
            "it down first, e.g. ffmpeg -i IN -vf scale=832:-2 -t 60 OUT.mp4"
        )


def _pixels(picture: av.VideoFrame, converter: VideoReformatter) -> Tensor:
    """Return a decoded frame as [H,W,3] uint8."""
    return torch.from_numpy(converter.reformat(picture, format="rgb24").to_ndarray())


def _pictures(path: Path, skip: int) -> Generator[Tensor, None, None]:
    """Yield every frame from `skip` on as [H,W,3] uint8, all of one size."""
    size: tuple[int, int] | None = None
    done = 0
    converter = VideoReformatter()  # to make one takes longer than a small picture
    with opened(path) as container:
        for picture in _decoded(container, path):
            here = (picture.height, picture.width)
            if size is not None and here != size:
                raise MediaError(
                    f"{path}: the picture size changes at frame {done} from "
                    f"{size[1]}x{size[0]} to {here[1]}x{here[0]}; re-encode the video at one size"
                )
            size = here
            if done >= skip:
                yield _pixels(picture, converter)
            done += 1
    if not done:
        raise MediaError(f"{path}: the video stream has no frames")


def _decoded(container: InputContainer, path: Path) -> Iterator[av.VideoFrame]:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    promised = stream.frames
    done = 0
    cure = "copy the file again, or save the readable part: ffmpeg -i IN -c copy OUT.mp4"
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise MediaError(
                    f"{path}: breaks off after {done} of {counted(promised, 'frame')}; {cure}"
                )
            for picture in packet.decode():
                yield picture
                done += 1
    except FFmpegError as error:
        of = f" of {promised}" if promised else ""
        raise MediaError(
            f"{path}: breaks off or is damaged after {done}{of} frames ({error.strerror}); {cure}"
        ) from error
