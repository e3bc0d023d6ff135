"""Which engines live in this process, and how long their recent calls took."""

import statistics
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from .engine import Engine

_RECENT = 32  # calls that the median is taken of


class Latency:
    """Durations of the last calls of an engine.

    On a CPU by the clock. On a GPU by events on its stream, which are read when a later call finds
    that they have passed: nothing ever waits for the GPU, and the newest call is not among them.
    """

    def __init__(self) -> None:
        self._done: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._under_way: deque[tuple[torch.cuda.Event, torch.cuda.Event, int]] = deque(
            maxlen=_RECENT
        )

    @contextmanager
    def measured(self, device: torch.device, images: int) -> Iterator[None]:
        """Time the body, a call with so many `images` on `device`."""
        if device.type != "cuda":
            started = time.perf_counter()
            yield
            self._done.append(((time.perf_counter() - started) * 1000, images))
            return
        # Here and not where it is asked for: while a CUDA graph is captured, another thread must
        # not ask about events.
        self._collect()
        stream = torch.cuda.current_stream(device)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record(stream)
        yield
        end.record(stream)
        self._under_way.append((begin, end, images))

    def _collect(self) -> None:
        while self._under_way and self._under_way[0][1].query():
            begin, end, images = self._under_way.popleft()
            self._done.append((begin.elapsed_time(end), images))

    @property
    def median(self) -> tuple[float, int] | None:
        """Milliseconds of the median call and how many images it took; None before there is one.

        Of the calls with as many images as most of the recent ones.
        """
        calls = list(self._done)
        if not calls:
            return None
        usual = statistics.mode(images for _, images in calls)
        return statistics.median(ms for ms, images in calls if images == usual), usual


_latencies: dict[str, Latency] = {}
_living: "weakref.WeakSet[Engine]" = weakref.WeakSet()
_lock = threading.Lock()


def latency_of(name: str) -> Latency:
    """That of the engine `name`, kept as long as the process: engines come and go."""
    with _lock:
        return _latencies.setdefault(name, Latency())


def register(engine: "Engine") -> None:
    """Remember an engine as long as it lives."""
    with _lock:
        _living.add(engine)


def living() -> "list[Engine]":
    """The engines of this process, in memory or ready to be loaded again."""
    with _lock:
        return list(_living)
