"""The figures of a live run: counts, rates and latencies."""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

WINDOW = 5.0  # seconds over which rates and latencies are measured
_STALLED = 2.0  # seconds without a frame after which the picture is old
_NEWS = 10.0  # seconds for which a message is shown that nothing clears
_MAX = 60_000  # ms; the last bin of the latencies of a whole run


class Figures:
    """Counts frames and measures their rates and latencies. Safe to use from several threads.

    Every captured frame is either dropped or processed. Not every processed frame yields a picture
    (`drawn`), as some nodes need two frames. `shown` counts the pictures that a viewer got. The
    latency is the time from capture until the picture is ready, in ms.

    state: preparing, running, ended or failed
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._came: deque[float] = deque()
        self._latencies: deque[tuple[float, float]] = deque()
        self._stages: deque[tuple[float, Mapping[str, float]]] = deque()
        self._all: Counter[int] = Counter()  # number of pictures by latency, ms
        self._shown = 0  # the number of the last one
        self._last = time.monotonic()  # when a frame came, or the run began
        self.state = "preparing"
        self._message = ""
        self._until = math.inf  # when the message is old

    def captured(self, *, dropped: bool) -> int:
        """Count a frame, and whether it replaced another; return the number of frames so far."""
        with self._lock:
            self._counts["captured"] += 1
            self._counts["dropped"] += dropped
            self._last = time.monotonic()
            self._came.append(self._last)
            self._forget()
            return self._counts["captured"]

    def begin(self) -> None:
        """Note that the run has begun."""
        with self._lock:
            self.state, self._last = "running", time.monotonic()

    def end(self, message: str, *, failed: bool) -> None:
        """Note that the run has ended, and what the viewer is told."""
        with self._lock:
            self.state = "failed" if failed else "ended"
            self._message, self._until = message, math.inf

    def tell(self, message: str, *, lasting: bool = False) -> None:
        """Tell viewers something, for some seconds or until the next message; "" clears it."""
        with self._lock:
            self._message = message
            self._until = math.inf if lasting else time.monotonic() + _NEWS

    def dropped(self) -> None:
        """Count a dropped frame."""
        with self._lock:
            self._counts["dropped"] += 1

    def processed(self) -> None:
        """Count a processed frame."""
        with self._lock:
            self._counts["processed"] += 1

    def drawn(self, captured: float, stages: Mapping[str, float] | None = None) -> float:
        """Count a picture of a frame captured at `captured`; return its latency in ms.

        stages: s that the stages took of which it is the sum, if no node holds frames back
        """
        now = time.monotonic()
        latency = (now - captured) * 1000
        with self._lock:
            self._counts["drawn"] += 1
            self._latencies.append((now, latency))
            self._stages.append((now, stages or {}))
            self._all[min(_MAX, round(latency))] += 1
            self._forget()
        return latency

    def shown(self, number: int) -> None:
        """Count a picture as sent, once for all viewers."""
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
            self._stages.popleft()

    def now(self) -> dict[str, Any]:
        """Return the counts since the start, and the rates and latencies of the last `WINDOW`."""
        with self._lock:
            self._forget()
            return {
                "state": self.state,
                "message": self._message if time.monotonic() < self._until else "",
                "stalled": self._is_stalled(),
                **self._counted(),
                "fps_in": _rate(self._came),
                "fps_out": _rate([when for when, _ in self._latencies]),
                "latency_ms": _spread(Counter(round(ms) for _, ms in self._latencies)),
                "stages_ms": _means([stages for _, stages in self._stages]),
            }

    def _is_stalled(self) -> bool:
        """Return whether the source delivers nothing, so that the picture is old."""
        return self.state == "running" and time.monotonic() - self._last > _STALLED

    def overall(self) -> dict[str, Any]:
        """Return the counts and latencies of the whole run."""
        with self._lock:
            return {**self._counted(), "latency_ms": _spread(self._all)}

    def _counted(self) -> dict[str, int]:
        names = ("captured", "processed", "dropped", "drawn", "shown")
        return {name: self._counts[name] for name in names}


def _means(all_: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each stage in ms, to a tenth, over all pictures."""
    total: Counter[str] = Counter()
    for stages in all_:
        total.update(stages)
    return {name: round(1000 * seconds / len(all_), 1) for name, seconds in total.items()}


def _rate(times: Sequence[float]) -> float:
    """Return events per second, to a tenth."""
    if len(times) < 2 or times[-1] <= times[0]:
        return 0.0
    return round((len(times) - 1) / (times[-1] - times[0]), 1)


def _spread(latencies: Counter[int]) -> dict[str, int | None]:
    return {"median": _quantile(latencies, 0.5), "p95": _quantile(latencies, 0.95)}


def _quantile(latencies: Counter[int], share: float) -> int | None:
    """Return the least value that `share` of all do not exceed, or None without any."""
    wanted = share * latencies.total()
    for value in sorted(latencies):
        wanted -= latencies[value]
        if wanted <= 0:
            return value
    return None


def as_line(figures: dict[str, Any]) -> str:
    """Return the figures of `now` as the terminal and the corner of the picture show them."""
    latency = figures["latency_ms"]
    took = "no picture yet"
    if latency["median"] is not None:
        took = f"latency {latency['median']} ms (95 %: {latency['p95']})"
    return (
        f"{figures['fps_in']:.1f} fps in, {figures['fps_out']:.1f} out; {took}; "
        f"{figures['dropped']} of {figures['captured']} dropped"
    )
