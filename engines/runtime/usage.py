"""How long the recent calls of this process's engines took."""

import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_RECENT = 32  # calls that the median is taken of


class Latency:
    """Durations of the last calls of an engine.

    On a CPU they are measured by the clock. On a GPU they are measured by events on its stream,
    which are read when a later call finds that they have passed: nothing ever waits for the GPU,
    and the newest call is not among them.
    """

    def __init__(self) -> None:
        self._done: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._under_way: deque[tuple[torch.cuda.Event, torch.cuda.Event, int]] = deque(
            maxlen=_RECENT
        )

    @contextmanager
    def measured(self, device: torch.device, images: int) -> Iterator[None]:
        """Time the body, a call with `images` images on `device`."""
        if device.type != "cuda":
            started = time.perf_counter()
            yield
            self._done.append(((time.perf_counter() - started) * 1000, images))
            return
        # Here and not in `median`: while a CUDA graph is captured, another thread must not query
        # events.
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
        """Milliseconds of the median call and its number of images; None before the first call.

        Only the calls with the most frequent number of images count.
        """
        calls = list(self._done)
        if not calls:
            return None
        usual = statistics.mode(images for _, images in calls)
        return statistics.median(ms for ms, images in calls if images == usual), usual


_latencies: dict[str, Latency] = {}
_lock = threading.Lock()


def latency_of(name: str) -> Latency:
    """Return the latency of the engine `name`, which is kept as long as the process lives."""
    with _lock:
        return _latencies.setdefault(name, Latency())
