"""The progress of a batch, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """The progress of a batch.

    ended: number of inputs that are done or have failed, earlier runs included
    total: number of inputs
    left:  seconds until the rest is done, None while nothing is known
    """

    ended: int
    total: int
    left: float | None = None

    def __str__(self) -> str:
        return f"[{self.ended}/{self.total}]"

    @property
    def words(self) -> str:
        """The time that is left, as a clause; "" if it is not known or over."""
        return f"about {as_time(self.left)} left" if self.left else ""


class Course:
    """Follows a run of a batch. The rest takes as long per byte of its inputs as what is done.

    sizes: bytes of the inputs that are to be done, by path
    total: number of inputs, with those that earlier runs have done
    """

    def __init__(
        self, sizes: Mapping[str, int], total: int, clock: Callable[[], float] = time.monotonic
    ):
        # Small files take time, too.
        self._sizes = {path: size + 2**16 for path, size in sizes.items()}
        self._all = sum(self._sizes.values())
        self._left = dict(self._sizes)
        self._total = total
        self._clock = clock
        self._started = clock()

    def end(self, path: str) -> None:
        """Count an input as done or failed."""
        self._left.pop(path, None)

    @property
    def now(self) -> Standing:
        """The progress of the batch."""
        left = sum(self._left.values())
        done = self._all - left
        seconds = (self._clock() - self._started) * left / done if done else None
        return Standing(self._total - len(self._left), self._total, seconds)


def as_time(seconds: float) -> str:
    """Return a duration in words, e.g. "40 s", "12 min" or "3 h 20 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
