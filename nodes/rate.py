"""Progress in words."""

import time
from collections.abc import Callable

_EVERY = 0.25  # s, at least, between two lines


class Now:
    """Decides when the next line is due, at most four times per second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._said = float("-inf")

    def due(self, *, last: bool = False) -> bool:
        """Return whether to write a line now; the last one is always written."""
        now = self._clock()
        if not last and now - self._said < _EVERY:
            return False
        self._said = now
        return True


class Rate:
    """Writes "123/640 frames, 87 frames/s" at most four times per second.

    total: how many there are to do; 0 = unknown
    unit:  what is counted: frames, or bytes, which are given in MB
    clock: seconds, from any origin
    """

    def __init__(
        self, total: int, unit: str = "frames", clock: Callable[[], float] = time.monotonic
    ):
        self._total = total
        self._unit = unit
        self._clock = clock
        self._done = 0
        self._started = self._said = clock()

    def step(self, done: int) -> str:
        """Count `done` more, and return the words; "" if it is too soon and not the end."""
        self._done += done
        now = self._clock()
        if now - self._said < _EVERY and not 0 < self._total <= self._done:
            return ""
        self._said = now
        return self._words(self._done / max(now - self._started, 1e-6))

    def _words(self, rate: float) -> str:
        if self._unit == "bytes":
            of = f"/{self._total / 1e6:.1f}" if self._total else ""
            return f"{self._done / 1e6:.1f}{of} MB, {rate / 1e6:.1f} MB/s"
        of = f"/{self._total}" if self._total else ""
        exact = f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
        return f"{self._done}{of} {self._unit}, {exact} {self._unit}/s"
