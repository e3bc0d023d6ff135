"""Video files, and folders of pictures, to frames.

One reader for whole runs, chunks, batches and streams: frames come upright, with square pixels, in
SDR, progressive and at a constant rate, whatever the file holds; `VideoInfo.remarks` says what was
done.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

import av
import torch
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from torch import Tensor

from ..errors import MediaError
from ..memory import shortage
from .clip import Clip
from .decode import decoded, deinterlaced, seconds_of
from .facts import PictureFacts
from .open import opened_video
from .pixels import PixelConverter
from .probe import Probed, clock_of, frames_of, probe
from .sound import FileSound, find_sound
from .still_files import is_stills
from .stills import still_info, still_pictures
from .timing import WHOLE, Clock, ReadOptions

_SEEK = 5  # s; a later start is reached by seeking


@dataclass(frozen=True)
class VideoInfo:
    """What reading a clip gives.

    size:    height and width of the frames, px: upright and with square pixels
    frame_count: how many; 0 = unknown. Damaged files may give fewer
    rate:    frames per second, constant
    remarks: what reading does to the pictures beyond decoding them, and what it ignores, in words
    has_alpha: whether `alpha` of the functions here gives a channel
    """

    size: tuple[int, int]
    frame_count: int
    rate: Fraction
    remarks: tuple[str, ...] = ()
    has_alpha: bool = False


def video_info(path: Path, options: ReadOptions = WHOLE) -> VideoInfo:
    """Return what reading a video file or a folder of pictures gives.

    Raises as `read_video` does.
    """
    if is_stills(path):
        found = still_info(path, options)
        return VideoInfo(found.size, len(found.paths), found.rate, found.remarks, found.has_alpha)
    probed = probe(path)
    clock = clock_of(probed, options)
    frames = frames_of(probed, clock)
    remarks = list(probed.remarks)
    if options.fps and options.fps != probed.timing.rate:
        remarks.append(
            f"read by time at {float(options.fps):.4g} fps instead of its own "
            f"{float(probed.timing.rate):.4g}"
        )
    sound = sound_of(path, options)
    if sound is not None:
        remarks += sound.remarks
    return VideoInfo(
        probed.facts.size, frames, clock.out_rate, tuple(remarks), probed.facts.has_alpha
    )


def video_size(path: Path) -> tuple[int, int]:
    """Return height and width of the frames that reading gives. Raises as `read_video` does."""
    return still_info(path, WHOLE).size if is_stills(path) else probe(path).facts.size


def sound_of(path: Path, options: ReadOptions = WHOLE) -> FileSound | None:
    """Return the sound that belongs to the frames that are read, or None."""
    if is_stills(path):
        return None
    probed = probe(path)
    clock = clock_of(probed, options)
    frames = frames_of(probed, clock)
    begin = probed.timing.begin + clock.start
    seconds = frames / clock.out_rate if frames else None
    return find_sound(path, begin, seconds, is_part=bool(options.start or options.duration))


def read_video(
    path: Path,
    options: ReadOptions = WHOLE,
    *,
    progress: Callable[[int, int], None] | None = None,
    alpha: bool = False,
) -> Clip:
    """Return all frames of the first video stream, RGB, and its sound if there is some.

    path:     a video file, a folder of pictures, or a pattern of them such as `f_%03d.png`
    progress: called with frames done and the number that the file promises (0 if unknown)
    alpha:    read the alpha channel into `Clip.alpha`, if there is one

    Raises `MediaError` for a file that is missing, no video, without a video stream, without
    frames, or broken off before its end.
    """
    info = video_info(path, options)
    frames: Tensor | None = None
    done = 0
    spare: list[Tensor] = []
    for pixels in _pictures(path, options, 0, alpha=alpha and info.has_alpha):
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
    if frames is None:
        raise MediaError(f"{path}: {_nothing_read(options)}")
    if spare:
        rest = torch.stack(spare)
        spare.clear()
        frames = torch.cat([frames, rest]) if info.frame_count else rest
    frames = frames[:done]
    sound = sound_of(path, options)
    channels = frames[..., 3] if frames.shape[-1] == 4 else None
    audio = None if sound is None else sound.audio()
    return Clip(frames[..., :3], info.rate, audio, channels)


class FrameReader:
    """The frames of `read_video`, some at a time.

    skip: frames that are passed over at the start
    """

    def __init__(
        self, path: Path, options: ReadOptions = WHOLE, *, skip: int = 0, alpha: bool = False
    ):
        self._pictures = _pictures(path, options, skip, alpha=alpha)

    def take(self, count: int) -> Tensor | None:
        """Return the next `count` frames [F,H,W,3 or 4] float32, or as many as are left; None
        behind the last.

        Raises `MediaError` as `read_video` does, when the place is reached.
        """
        pictures = list(islice(self._pictures, count))
        return torch.stack(pictures) / 255 if pictures else None

    def close(self) -> None:
        """Close the file."""
        self._pictures.close()


def read_some(path: Path, indices: list[int], options: ReadOptions = WHOLE) -> tuple[Tensor, int]:
    """Return the frames [N,H,W,3] at `indices`, which rise, as far as they are there, and how many
    frames there are, for which all are decoded. Raises `MediaError` as `read_video` does."""
    wanted = set(indices)
    found: list[Tensor] = []
    count = 0
    for make in _made(path, options, 0, alpha=False):
        if count in wanted:
            found.append(make())
        count += 1
    if not count:
        raise MediaError(f"{path}: {_nothing_read(options)}")
    return (torch.stack(found) / 255 if found else torch.empty(0)), count


def _nothing_read(options: ReadOptions) -> str:
    if options.start:
        return f"has no frames after {options.start:g} s; lower start"
    return "the video stream has no frames"


def _check_memory(path: Path, needed: int) -> None:
    """Raise `MediaError` when the frames cannot lie in memory all at once."""
    if lacking := shortage(needed):
        raise MediaError(
            f"{path}: its frames need {lacking}; run it in chunks with --chunk 64, or read a part "
            "of it with --duration 60, or scale it down first, e.g. ffmpeg -i IN -vf scale=832:-2 "
            "OUT.mp4"
        )


def _pictures(
    path: Path, options: ReadOptions, skip: int, *, alpha: bool
) -> Generator[Tensor, None, None]:
    """Yield [H,W,3 or 4] uint8 of every frame from `skip` on, all of one size."""
    done = skip
    for make in _made(path, options, skip, alpha=alpha):
        yield make()
        done += 1
    if not done:
        raise MediaError(f"{path}: {_nothing_read(options)}")


def _made(
    path: Path, options: ReadOptions, skip: int, *, alpha: bool
) -> Iterator[Callable[[], Tensor]]:
    """Yield for every frame a function that makes its pixels, so that counting converts none."""
    if is_stills(path):
        yield from still_pictures(path, options, skip, alpha=alpha)
        return
    probed = probe(path)
    clock = clock_of(probed, options)
    pixels = PixelConverter(probed.facts, alpha=alpha)
    with opened_video(path) as (container, stream):
        pictures = _from(clock, probed, container, stream, path, alpha=alpha)
        if probed.facts.interlaced and stream.time_base is not None:
            pictures = deinterlaced(pictures, Fraction(stream.time_base))
        timed = (
            (_after(p, probed.timing.begin), p) for p in _of_one_size(pictures, probed.facts, path)
        )
        for picture in clock.resampled(timed, skip):
            yield partial(pixels.of, picture)


def _from(
    clock: Clock,
    probed: Probed,
    container: InputContainer,
    stream: VideoStream,
    path: Path,
    *,
    alpha: bool,
) -> Iterator[av.VideoFrame]:
    """Yield the pictures from before the clock's start on, seeking where that saves decoding."""
    alpha = alpha and probed.facts.has_alpha
    if clock.start > _SEEK and stream.time_base is not None:
        target = probed.timing.begin + clock.start
        try:
            container.seek(int((target - 1) / Fraction(stream.time_base)), stream=stream)
            pictures = decoded(container, stream, path, alpha=alpha)
            first = next(pictures, None)
        except (FFmpegError, MediaError):
            first = None
        at = None if first is None else seconds_of(first)
        if first is not None and at is not None and at <= target:
            yield first
            yield from pictures
            return
        container.seek(0)  # its index leads elsewhere
    yield from decoded(container, stream, path, alpha=alpha)


def _after(picture: av.VideoFrame, begin: Fraction) -> Fraction | None:
    at = seconds_of(picture)
    return None if at is None else at - begin


def _of_one_size(
    pictures: Iterator[av.VideoFrame], facts: PictureFacts, path: Path
) -> Iterator[av.VideoFrame]:
    """Raise `MediaError` where the size of the pictures changes."""
    height, width = facts.stored
    for number, picture in enumerate(pictures):
        if (picture.height, picture.width) != (height, width):
            raise MediaError(
                f"{path}: the picture size changes at frame {number} from {width}x{height} to "
                f"{picture.width}x{picture.height}; re-encode the video at one size"
            )
        yield picture
