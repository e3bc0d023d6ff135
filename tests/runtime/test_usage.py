"""Which engines live, and how long their calls take."""

import gc
import threading
import time

import pytest
import torch

from kinograph.engines.models.registry import resolve
from kinograph.engines.runtime.engine import build_engine, living
from kinograph.engines.runtime.network import network_of
from kinograph.engines.runtime.usage import Latency, latency_of

CPU = torch.device("cpu")


def timed(latency: Latency, images: int, seconds: float = 0.0) -> None:
    with latency.measured(CPU, images):
        time.sleep(seconds)


def test_the_median_call() -> None:
    latency = Latency()
    assert latency.median is None
    for seconds in (0.2, 0.02, 0.02):  # the first call loads
        timed(latency, 4, seconds)
    ms, images = latency.median or (0, 0)
    assert 20 <= ms < 150
    assert images == 4


def test_the_last_and_smaller_batch_of_a_clip_does_not_count() -> None:
    latency = Latency()
    for images, seconds in ((16, 0.02), (16, 0.02), (3, 0.0)):
        timed(latency, images, seconds)
    ms, images = latency.median or (0, 0)
    assert images == 16
    assert ms >= 20


def test_only_recent_calls_count() -> None:
    latency = Latency()
    for _ in range(100):
        timed(latency, 1)
    for _ in range(40):
        timed(latency, 2)
    assert (latency.median or (0, 0))[1] == 2


def test_a_call_that_fails_is_not_measured() -> None:
    latency = Latency()
    with pytest.raises(ValueError, match="no"), latency.measured(CPU, 1):
        raise ValueError("no")
    assert latency.median is None


def test_an_engine_is_known_while_it_lives_and_its_latency_after() -> None:
    model = resolve("movenet_multipose")
    engine = build_engine(model, network_of(model), backend="torch", device="cpu")
    name = engine.name
    assert name == "movenet_multipose-fp32-torch-cpu"
    assert engine in living()
    engine.infer(torch.rand(2, 3, 128, 128))
    assert engine.latency is latency_of(name)
    assert (latency_of(name).median or (0, 0))[1] in (1, 2, 16)
    count = sum(e.name == name for e in living())
    del engine
    gc.collect()
    assert sum(e.name == name for e in living()) == count - 1
    assert latency_of(name).median is not None


def test_latencies_are_made_once_by_many_threads() -> None:
    barrier = threading.Barrier(8)
    found = []

    def ask() -> None:
        barrier.wait()
        found.append(latency_of("by many"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(latency) for latency in found}) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("backend", ["torch", "torch_cudagraph"])
def test_on_a_gpu_the_work_is_measured_and_not_its_launch(backend: str) -> None:
    """By events, which agree with the clock when that waits for the GPU."""
    model = resolve("movenet_multipose")
    engine = build_engine(model, network_of(model), backend=backend, device="cuda")
    images = torch.rand(16, 3, 512, 512, device="cuda")
    for _ in range(3):
        engine.infer(images)
    torch.cuda.synchronize()
    engine.latency._done.clear()
    engine.latency._under_way.clear()
    started = time.perf_counter()
    for _ in range(20):
        engine.infer(images)
    torch.cuda.synchronize()
    by_clock = (time.perf_counter() - started) * 1000 / 20
    engine.infer(images[:1])  # finds that the others have passed
    ms, count = engine.latency.median or (0, 0)
    assert count == 16
    assert 0.5 * by_clock < ms < 1.5 * by_clock
    engine.unload()
