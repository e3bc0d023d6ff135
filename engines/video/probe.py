"""What reading a video file will give, found without decoding more than its first picture."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import floor
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from ..errors import MediaError
from .decode import decoded, seconds_of
from .facts import PictureFacts, picture_facts
from .open import opened_video
from .timing import Clock, ReadOptions, constant_rate, is_constant, ticks

_MOST_REPEATS = 10_000  # of a frame on average: a page of slides that stands for minutes
_LONGEST_FRAME = 3600  # s, of a time lapse
_LARGE = 1 << 29  # bytes; above this, a header that does not contradict itself is trusted


@dataclass(frozen=True)
class Timing:
    """When the frames of a stream come.

    rate:     constant rate that they are read at, frames per second
    frames:   how many there are at that rate; 0 = unknown
    begin:    seconds of the first picture in the file
    last:  seconds that the last frame is shown
    is_constant: whether they come at that rate already
    average:  frames per second on average, as the file states it
    """

    rate: Fraction
    frames: int
    begin: Fraction
    last: Fraction
    is_constant: bool
    average: Fraction


@dataclass(frozen=True)
class Probed:
    """What a file says about its pictures and their times."""

    facts: PictureFacts
    timing: Timing

    @property
    def remarks(self) -> tuple[str, ...]:
        """What reading does to the pictures beyond decoding them, and what it ignores, in words."""
        timing = self.timing
        said = list(self.facts.words)
        if not timing.is_constant:
            said.append(
                f"its frames come at varying times ({float(timing.average):.4g} per second on "
                f"average); read by time at a constant {float(timing.rate):.4g} fps"
            )
        return tuple(said)


def probe(path: Path) -> Probed:
    """Return what the file at `path` says.

    Raises `MediaError` for a file that is missing, no video, without a video stream, or whose first
    picture cannot be decoded.
    """
    try:
        about = path.stat()
    except OSError:
        return _probed(path)  # which says what is wrong
    return _remembered(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=64)
def _remembered(path: Path, changed: int, size: int) -> Probed:
    return _probed(path)


def _probed(path: Path) -> Probed:
    with opened_video(path) as (container, stream):
        first = next(decoded(container, stream, path, threads=False), None)
        if first is None:
            raise MediaError(f"{path}: the video stream has no frames")
        facts, begin = picture_facts(stream, first), seconds_of(first)
    with opened_video(path) as (container, stream):
        return Probed(facts, _timing(path, container, stream, begin))


def _timing(
    path: Path, container: InputContainer, stream: VideoStream, begin: Fraction | None
) -> Timing:
    stated = stream.average_rate or stream.guessed_rate or Fraction(1)
    average = Fraction(stated.numerator, stated.denominator)
    if average * _LONGEST_FRAME < 1:
        raise MediaError(
            f"{path}: says that a frame lasts {float(1 / average):,.0f} s, which is damage; "
            "re-encode it at a constant rate: ffmpeg -i IN -r 25 OUT.mp4"
        )
    base = Fraction(stream.base_rate or 0)
    by_count = Timing(average, stream.frames, begin or Fraction(0), 1 / average, True, average)
    if begin is None:
        return by_count
    if path.stat().st_size > _LARGE and stream.frames and base == average:
        return by_count
    times, last = _times(path, container, stream, begin)
    if not times:
        return by_count
    last = last or 1 / average
    if is_constant(times, average):
        return Timing(average, len(times), begin, 1 / average, True, average)
    rate = constant_rate(times, base)
    if times[-1] * rate > _MOST_REPEATS * len(times):
        raise MediaError(
            f"{path}: its {len(times)} frames say that they last {float(times[-1]):,.0f} s, which "
            "is damage; re-encode it at a constant rate: ffmpeg -i IN -r 25 OUT.mp4"
        )
    return Timing(rate, ticks(times, last, rate), begin, last, is_constant(times, rate), average)


def _times(
    path: Path, container: InputContainer, stream: VideoStream, begin: Fraction
) -> tuple[list[Fraction], Fraction]:
    """Return the times of all frames after the first picture's, and how long the last is shown,
    from the packets; nothing where they do not say."""
    if stream.time_base is None:
        return [], Fraction(0)
    base = Fraction(stream.time_base)
    found: list[tuple[int, int]] = []
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None:
                return [], Fraction(0)
            found.append((packet.pts, packet.duration or 0))
    except FFmpegError:
        return [], Fraction(0)  # decoding will say where it is damaged
    found.sort()
    times = [pts * base - begin for pts, _ in found if pts * base >= begin]
    return times, found[-1][1] * base if found else Fraction(0)


def clock_of(probed: Probed, options: ReadOptions) -> Clock:
    """Return the clock that a file is read by."""
    timing = probed.timing
    return Clock.of(timing.rate, options, is_constant=timing.is_constant, last=timing.last)


def frames_of(probed: Probed, clock: Clock) -> int:
    """Return how many frames reading gives; 0 = unknown."""
    timing = probed.timing
    if not timing.frames:
        return 0
    there = timing.frames
    if clock.rate != timing.rate:
        there = max(1, floor(timing.frames / timing.rate * clock.rate + Fraction(1, 2)))
    return clock.count(there)
