"""Benchmark of the training pairs for optical flow: how fast they are made, and how far what they
show moves."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ...engines.datasets.flow_scenes import FlowPairs, FlowScenes
from ...engines.datasets.flow_scenes.sheet import warped
from ...engines.environment import describe_device
from ...engines.runtime.devices import wait
from .measure import at_least_one, bench_report, device_named, peak, reset_peak

_LIMITS = (1, 2, 6, 20, 40, 100)  # px
_PERCENTILES = (10, 50, 90, 99)


def bench_flow_scenes(
    *,
    size: tuple[int, int] = (368, 496),
    pairs: int = 160,
    batch: int = 16,
    seed: int = 0,
    device: str = "auto",
) -> tuple[dict[str, Any], FlowPairs]:
    """Measure pairs per second, and the motion in the same pairs; return the first of them, too.

    size:  height and width
    pairs: how many are made, in batches of `batch`
    seed:  of the pairs

    Times do not include the first batch. `error` is the mean difference of the first frames from
    the second ones moved back, of the same pairs without effects, where nothing is occluded. Raises
    `InputError` for numbers below 1.
    """
    at_least_one(pairs=pairs, batch=batch)
    where = device_named(device)
    start = time.perf_counter()
    scenes = FlowScenes(size=size, seed=seed, device=where)
    wait(where)
    prepared = time.perf_counter() - start
    first = scenes(range(min(batch, pairs)))
    reset_peak(where)
    lengths, occluded, times = [], [], []
    for numbers in _batches(pairs, batch):
        wait(where)
        start = time.perf_counter()
        made = scenes(numbers)
        wait(where)
        times.append((time.perf_counter() - start) / len(numbers))
        lengths.append(made.flow.norm(dim=1).flatten(1).cpu())
        occluded.append(made.occluded.float().mean((1, 2, 3)).cpu())
    memory = peak(where)
    plain = scenes.without_effects()(range(len(first.first)))
    seen = ~plain.occluded
    apart = ((warped(plain.second, plain.flow) - plain.first).abs() * seen).sum() / (3 * seen.sum())
    return bench_report(
        "flow_scenes",
        {
            "size": [size[1], size[0]],
            "pairs": pairs,
            "batch": batch,
            "textures": scenes.source,
            "device": describe_device(where),
            "threads": torch.get_num_threads(),
            "preparing_s": prepared,
            "pairs_per_second": 1 / statistics.median(times),
            "gpu_bytes": memory,
            "error": float(apart),
            **_motion(torch.cat(lengths), torch.cat(occluded)),
        },
    ), first


def _batches(pairs: int, batch: int) -> Iterator[range]:
    for start in range(0, pairs, batch):
        yield range(start, min(start + batch, pairs))


def _motion(lengths: Tensor, occluded: Tensor) -> dict[str, Any]:
    """Return shares and percentiles of the lengths [N,H*W] px."""
    every = lengths.flatten().sort().values
    ranks = {p: min(len(every) - 1, p * len(every) // 100) for p in _PERCENTILES}
    return {
        "still_pairs": float((lengths.amax(1) == 0).float().mean()),
        "still_pixels": float((every == 0).float().mean()),
        "pixels_below_px": {str(n): float((every < n).float().mean()) for n in _LIMITS},
        "percentiles_px": {str(p): float(every[rank]) for p, rank in ranks.items()},
        "longest_px": float(every[-1]),
        "occluded_pixels": float(occluded.mean()),
    }
