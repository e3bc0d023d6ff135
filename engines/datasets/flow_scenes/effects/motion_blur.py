"""Blur of what moves while a shutter is open, half of it before and half after a frame's time."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .effect import Chosen, Effect

_OPEN = (0.1, 0.6)  # of the time between the frames
_LONGEST = 20.0  # px
_TAPS = 9


def _apply(frames: Tensor, chosen: Chosen) -> Tensor:
    low, high = _OPEN
    part = (low + (high - low) * chosen.uniform(1))[..., None, None, None]  # [P,1,1,1,1]
    path = chosen.motion * part
    path = path * (_LONGEST / path.norm(dim=2, keepdim=True).clamp(min=_LONGEST))
    height, width = frames.shape[-2:]
    x, y = path.flatten(0, 1).unbind(1)
    path = torch.stack([x * 2 / width, y * 2 / height], -1)
    image = frames.flatten(0, 1)
    # Not by affine_grid, whose product of matrices may run in TF32.
    x, y = ((2 * torch.arange(n, device=image.device) + 1) / n - 1 for n in (width, height))
    grid = torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)], -1)
    total = torch.zeros_like(image)
    for tap in range(_TAPS):
        at = grid + path * (tap / (_TAPS - 1) - 0.5)
        total += F.grid_sample(image, at, padding_mode="border", align_corners=False)
    return (total / _TAPS).view_as(frames)


EFFECT = Effect("motion_blur", order=10, share=0.25, stream=300, apply=_apply)
