"""What the benchmarks share: footage of any size, waiting for the device, the report."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...engines.evaluation.report import report
from ...engines.video.read import read_video

SCHEMA_VERSION = 1


def footage_of(video: Path, size: tuple[int, int], frames: int) -> Tensor:
    """Return `frames` frames [F,H,W,3] 0..1 of a video, scaled to `size` (height, width).

    A video that is too short is repeated.
    """
    clip = read_video(video).frames
    clip = clip.repeat(math.ceil(frames / len(clip)), 1, 1, 1)[:frames]
    scaled = F.interpolate(clip.movedim(-1, 1), size=size, mode="bilinear", antialias=True)
    return scaled.movedim(1, -1).contiguous().clamp(0, 1)


def wait(device: torch.device) -> None:
    """Wait until the device has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bench_report(subject: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report of a benchmark: its results beside the machine, the versions and the time.

    results: further top-level keys
    """
    return report(f"bench {subject}", SCHEMA_VERSION, {"subject": subject, **results})
