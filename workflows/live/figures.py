"""What a live run counts and measures."""

import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

WINDOW = 5.0  # seconds that rates and latencies are of
_MOST = 60_000  # ms; the last class of the latencies of a whole run


class Figures:
    """Counts of frames, their rates and latencies. May be used by several threads.

    Each frame that is captured is either dropped or processed. Not each that is processed gives a
    picture (`drawn`): some nodes look at two frames. `shown` are the pictures that were sent to
    somebody. Latency is from capture until the picture is there, in ms.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._came: deque[float] = deque()
        self._latencies: deque[tuple[float, float]] = deque()
        self._all: Counter[int] = Counter()  # pictures by ms
        self._shown = 0  # number of the last
        self.state = "preparing"
        self.message = ""

    def captured(self, *, dropped: bool) -> int:
        """Count a frame, and whether another was dropped for it; how many there are now."""
        with self._lock:
            self._counts["captured"] += 1
            self._counts["dropped"] += dropped
            self._came.append(time.monotonic())
            self._forget()
            return self._counts["captured"]

    def dropped(self) -> None:
        with self._lock:
            self._counts["dropped"] += 1

    def processed(self) -> None:
        with self._lock:
            self._counts["processed"] += 1

    def drawn(self, captured: float) -> float:
        """Count a picture of a frame that was captured then; its latency in ms."""
        now = time.monotonic()
        latency = (now - captured) * 1000
        with self._lock:
            self._counts["drawn"] += 1
            self._latencies.append((now, latency))
            self._all[min(_MOST, round(latency))] += 1
            self._forget()
        return latency

    def shown(self, number: int) -> None:
        """Count a picture that was sent, however many it is sent to."""
        with self._lock:
            if number > self._shown:
                self._shown = number
                self._counts["shown"] += 1

    def _forget(self) -> None:
        old = time.monotonic() - WINDOW
        while self._came and self._came[0] < old:
            self._came.popleft()
        while self._latencies and self._latencies[0][0] < old:
            self._latencies.popleft()

    def now(self) -> dict[str, Any]:
        """Counts since the start; rates and latencies of the last seconds."""
        with self._lock:
            self._forget()
            return {
                "state": self.state,
                "message": self.message,
                **self._counted(),
                "fps_in": _rate(self._came),
                "fps_out": _rate([when for when, _ in self._latencies]),
                "latency_ms": _spread(Counter(round(ms) for _, ms in self._latencies)),
            }

    def overall(self) -> dict[str, Any]:
        """Counts and latencies of the whole run."""
        with self._lock:
            return {**self._counted(), "latency_ms": _spread(self._all)}

    def _counted(self) -> dict[str, int]:
        names = ("captured", "processed", "dropped", "drawn", "shown")
        return {name: self._counts[name] for name in names}


def _rate(times: Sequence[float]) -> float:
    """A second, to a tenth."""
    if len(times) < 2 or times[-1] <= times[0]:
        return 0.0
    return round((len(times) - 1) / (times[-1] - times[0]), 1)


def _spread(found: Counter[int]) -> dict[str, int | None]:
    return {"median": _quantile(found, 0.5), "p95": _quantile(found, 0.95)}


def _quantile(found: Counter[int], share: float) -> int | None:
    """The least value that `share` of all do not exceed; None of nothing."""
    wanted = share * found.total()
    for value in sorted(found):
        wanted -= found[value]
        if wanted <= 0:
            return value
    return None


def as_line(figures: dict[str, Any]) -> str:
    """Figures as the terminal and the corner of the picture show them."""
    latency = figures["latency_ms"]
    took = "no picture yet"
    if latency["median"] is not None:
        took = f"latency {latency['median']} ms (95 %: {latency['p95']})"
    return (
        f"{figures['fps_in']:.1f} fps in, {figures['fps_out']:.1f} out; {took}; "
        f"{figures['dropped']} of {figures['captured']} dropped"
    )
