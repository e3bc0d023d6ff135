"""Pairs for the training of optical flow, on an NVIDIA GPU: fast, without waiting, the same."""

import time

import pytest
import torch

from kinograph.engines.datasets.flow_scenes import FlowScenes

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


def test_pairs_are_those_of_the_cpu() -> None:
    here, there = (
        FlowScenes(size=(64, 96), seed=1, device=device, textures=24, shapes=24, people=8, side=128)
        for device in ("cpu", "cuda")
    )
    one, other = here(range(12)), there(range(12))
    apart = (one.flow - other.flow.cpu()).abs() > 2e-3 + 1e-4 * one.flow.abs()
    assert float(apart.float().mean()) < 3e-3  # outlines that pass between two pixels
    assert float((one.occluded != other.occluded.cpu()).float().mean()) < 3e-3
    for name in ("first", "second"):
        assert float((getattr(one, name) - getattr(other, name).cpu()).abs().mean()) < 2e-3


def test_a_pair_is_nearly_the_same_in_every_batch() -> None:
    scenes = FlowScenes(size=(128, 160), seed=1, device="cuda", textures=24, shapes=24, side=128)
    together, alone = scenes([7, 3, 120, 31]), scenes([31])
    assert torch.equal(together.flow[3:], alone.flow)
    assert float((together.first[3:] - alone.first).abs().mean()) < 1e-4


def test_three_hundred_pairs_a_second_and_no_waiting() -> None:
    scenes = FlowScenes(size=(368, 496), seed=1, device="cuda")
    for start in range(3):
        scenes(range(16 * start, 16 * start + 16))
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.set_sync_debug_mode("error")
    try:
        begun = time.perf_counter()
        for start in range(20):
            scenes(range(16 * start, 16 * start + 16))
        queued = time.perf_counter() - begun
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()
    taken = time.perf_counter() - begun
    peak = torch.cuda.max_memory_allocated() / 2**30
    print(f"{320 / taken:.0f} pairs/s, queued in {queued / taken:.0%} of it, {peak:.1f} GiB")
    assert 320 / taken >= 300
