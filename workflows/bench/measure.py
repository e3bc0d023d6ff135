"""What the benchmarks share: footage of any size, waiting for the device, the report."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...engines.errors import InputError
from ...engines.evaluation.report import report
from ...engines.runtime.devices import check_device, wait
from ...engines.runtime.ladder import torch_cuda
from ...engines.video.read import read_video

SCHEMA_VERSION = 1


def at_least_one(**counts: int) -> None:
    """Raise `InputError` for a number, by its name, that is below 1."""
    for name, value in counts.items():
        if value < 1:
            raise InputError(f"{name}: expected at least 1, found {value}")


def device_named(name: str) -> torch.device:
    """Return the device called cpu, cuda or cuda:N; auto: a GPU that PyTorch can use, or the CPU.

    Raises `InputError` for other names and for a GPU that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch_cuda().usable else "cpu")
    if name != "cpu" and not name.startswith("cuda"):
        raise InputError(f"device: expected cpu, cuda or auto, found {name[:40]!r}")
    check_device(name)
    return torch.device(name)


def footage_of(video: Path, size: tuple[int, int], frames: int) -> Tensor:
    """Return `frames` frames [F,H,W,3] 0..1 of a video, scaled to `size` (height, width).

    A video that is too short is repeated.
    """
    clip = read_video(video).frames
    clip = clip.repeat(math.ceil(frames / len(clip)), 1, 1, 1)[:frames]
    scaled = F.interpolate(clip.movedim(-1, 1), size=size, mode="bilinear", antialias=True)
    return scaled.movedim(1, -1).contiguous().clamp(0, 1)


def times_of(
    call: Callable[[], object], device: torch.device, runs: int, *, first: int = 2
) -> tuple[list[float], list[float]]:
    """Return the milliseconds of every call until the device has finished it, and those that all
    threads together took for it.

    first: calls before them that are not counted
    """
    walls, works = [], []
    for _ in range(first + runs):
        wait(device)
        wall, work = time.perf_counter(), time.process_time()
        call()
        wait(device)
        walls.append((time.perf_counter() - wall) * 1000)
        works.append((time.process_time() - work) * 1000)
    return walls[first:], works[first:]


def taken(call: Callable[[], object], device: torch.device, runs: int) -> float:
    """Return the median milliseconds of a call until the device has finished it."""
    return statistics.median(times_of(call, device, runs)[0])


def reset_peak(device: torch.device) -> None:
    """Free the memory cached on a GPU, and reset its peak."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak(device: torch.device) -> int:
    """Return the most bytes reserved on a GPU since `reset_peak`; 0 on a CPU."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0


def bench_report(subject: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report of a benchmark: its results beside the machine, the versions and the time.

    results: further top-level keys
    """
    return report(f"bench {subject}", SCHEMA_VERSION, {"subject": subject, **results})
