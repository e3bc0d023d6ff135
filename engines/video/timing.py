"""Which stored frame stands at which time of a clip with a constant rate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor, isfinite
from typing import TypeVar

from ..errors import InputError

_T = TypeVar("_T")

# Rates of cameras, screens and broadcasts, frames per second.
_COMMON = (
    *(Fraction(n) for n in (1, 5, 8, 10, 12, 15, 16, 24, 25, 30, 48, 50, 60, 90, 100, 120)),
    *(Fraction(n * 1000, 1001) for n in (12, 15, 24, 30, 48, 60, 120)),
)
_NEARLY = Fraction(1, 500)  # a shortest interval within this part of a common rate's is that rate
_MOST_FPS = 120  # of a rate that is derived from varying times


@dataclass(frozen=True)
class ReadOptions:
    """Which part of a clip is read, and at which rate.

    start:    seconds from the first frame
    duration: seconds; 0 = to the end
    every:    take every n-th frame, which divides the rate by n
    fps:      constant rate to read at, by time: frames are repeated or left out; 0 = the file's
              own. For pictures in a folder it is their rate, and each is one frame

    Raises `InputError` for values out of range.
    """

    start: float = 0.0
    duration: float = 0.0
    every: int = 1
    fps: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        for name in ("start", "duration"):
            value = getattr(self, name)
            if not isfinite(value) or value < 0:
                raise InputError(f"{name}: expected seconds, at least 0, found {value}")
        if self.every < 1:
            raise InputError(f"every: expected at least 1, found {self.every}")
        if not 0 <= self.fps <= 1000:
            raise InputError(f"fps: expected 0 to 1000 frames per second, found {self.fps}")

    def __str__(self) -> str:
        """Say what is read in words; "" for all of a clip at its own rate."""
        said = [
            f"from {self.start:g} s" if self.start else "",
            f"for {self.duration:g} s" if self.duration else "",
            f"at {float(self.fps):.4g} fps" if self.fps else "",
            f"every {self.every} frames" if self.every > 1 else "",
        ]
        return ", ".join(filter(None, said))


WHOLE = ReadOptions()
"""All of a clip, at its own rate."""


@dataclass(frozen=True)
class Clock:
    """The constant rate that a stream is read at, and what of it.

    rate:  of the frames before `every`, per second
    by_count: frames are taken one by one, whatever their times
    last:  seconds that the last frame is shown
    first, stop: the frames that are taken, at `rate`; stop = None: to the end
    every: every n-th of them
    """

    rate: Fraction
    by_count: bool
    last: Fraction
    first: int = 0
    stop: int | None = None
    every: int = 1

    @classmethod
    def of(
        cls, own: Fraction, options: ReadOptions, *, is_constant: bool, last: Fraction
    ) -> "Clock":
        """Return the clock for a stream that is read at the rate `own` unless the user asks for
        another; is_constant: its frames come at that rate."""
        rate = options.fps or own
        first = _nearest(Fraction(options.start) * rate)
        stop = None
        if options.duration:
            stop = first + max(1, _nearest(Fraction(options.duration) * rate))
        by_count = is_constant and rate == own
        return cls(rate, by_count, last, first, stop, options.every)

    @property
    def out_rate(self) -> Fraction:
        """Frames per second of the clip that is read."""
        return self.rate / self.every

    @property
    def start(self) -> Fraction:
        """Seconds from the first stored frame to the first that is taken."""
        return self.first / self.rate

    def count(self, there: int) -> int:
        """Return how many frames are taken of a stream with `there` frames at `rate`."""
        stop = there if self.stop is None else min(there, self.stop)
        return max(0, -(-(stop - self.first) // self.every))

    def resampled(
        self, frames: Iterator[tuple[Fraction | None, _T]], skip: int = 0
    ) -> Iterator[_T]:
        """Yield what stands at each tick, the nearest tick being where a frame begins.

        frames: seconds from the first frame (None = unknown: one tick after the one before), and
                the frame
        skip:   frames of the outcome that are passed over
        """
        held: tuple[int, _T] | None = None
        ends = Fraction(0)
        wanted = self.first + skip * self.every  # the next tick that is yielded
        for seconds, frame in frames:
            if self.by_count or seconds is None:
                # a stream that was sought into does not begin with its first frame
                tick = _nearest((seconds or 0) * self.rate) if held is None else held[0] + 1
                ends = (tick + 1) / self.rate
            else:
                tick = _nearest(seconds * self.rate)
                ends = seconds + self.last
            if held is not None:
                while wanted < tick:
                    if self._is_over(wanted):
                        return
                    if wanted >= held[0]:
                        yield held[1]
                    wanted += self.every
                tick = max(tick, held[0])
            held = (tick, frame)
        if held is None:
            return
        end = max(1, _nearest(ends * self.rate))
        while wanted < end and not self._is_over(wanted):
            if wanted >= held[0]:
                yield held[1]
            wanted += self.every

    def _is_over(self, tick: int) -> bool:
        return self.stop is not None and tick >= self.stop


def _nearest(number: Fraction) -> int:
    """Round halves up: `round` goes to even numbers, every other one here."""
    return floor(number + Fraction(1, 2))


def ticks(times: Sequence[Fraction], last: Fraction, rate: Fraction) -> int:
    """Return how many frames a stream has at a constant `rate`.

    times: seconds from the first frame, rising; last: seconds that the last frame is shown
    """
    return max(1, _nearest((times[-1] + last) * rate))


def is_constant(times: Sequence[Fraction], rate: Fraction) -> bool:
    """Return whether frame i comes at i / rate, never more than one interval away."""
    return all(abs(time * rate - i) <= 1 for i, time in enumerate(times))


def constant_rate(times: Sequence[Fraction], base: Fraction) -> Fraction:
    """Return the constant rate to read frames at that come at varying times.

    base: the lowest rate of which all times are multiples, as FFmpeg guesses it

    That rate, if it is one that a camera or screen has; else the rate of the shortest interval that
    is not an exception (the fifth percentile), as a common rate where it is near one.
    """
    if 0 < base <= _MOST_FPS:
        return base
    steps = sorted(b - a for a, b in pairwise(times) if b > a)
    if not steps:
        return Fraction(1)
    rate = min(1 / steps[len(steps) // 20], Fraction(_MOST_FPS))
    near = min(_COMMON, key=lambda common: abs(common - rate))
    if abs(near - rate) <= near * _NEARLY:
        return near
    return rate.limit_denominator(1001)
