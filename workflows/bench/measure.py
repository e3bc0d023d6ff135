"""What the benchmarks share: footage of any size, waiting for the device, its name."""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ...engines.video.read import read_video


def footage_of(video: Path, size: tuple[int, int], frames: int) -> Tensor:
    """[F,H,W,3] 0..1: the video, repeated where it is too short, in height and width of `size`."""
    seen = read_video(video).frames
    seen = seen.repeat(math.ceil(frames / len(seen)), 1, 1, 1)[:frames]
    scaled = F.interpolate(seen.movedim(-1, 1), size=size, mode="bilinear", antialias=True)
    return scaled.movedim(1, -1).contiguous().clamp(0, 1)


def wait(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
