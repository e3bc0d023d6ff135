"""Masks as SAM3's tracker gives them to ComfyUI's nodes, SAM3_TRACK_DATA."""

from typing import Any

import torch
from torch import Tensor

from .labels import Labels

_FRAMES_AT_ONCE = 8


def track_data(labels: Labels, people: int) -> dict[str, Any]:
    """Return the masks of people 1 to `people` as the dictionary that `SAM3_TrackToMask` and
    `SCAIL2ColoredMask` take, on the CPU.

    Its masks are [F,N,H,W/8] uint8, bit i of a byte j for the pixel 8 j + i. Where the width is no
    multiple of 8, they are wider by some columns that repeat the one beside, placed so that nodes
    that bring them to `orig_size` by the nearest pixel get every column back. SAM3_TrackToMask
    interpolates: its edges are then up to one pixel off.
    """
    frames, height, width = labels.codes.shape
    about = {"n_frames": frames, "orig_size": (height, width), "scores": [1.0] * people}
    if not people:
        return {"packed_masks": None, **about}
    packed = torch.empty(frames, people, height, -(-width // 8), dtype=torch.uint8)
    numbers = torch.arange(1, people + 1, device=labels.codes.device)
    for start in range(0, frames, _FRAMES_AT_ONCE):
        part = labels.slice(start, start + _FRAMES_AT_ONCE).by_person(numbers)
        packed[start : start + _FRAMES_AT_ONCE] = _packed(part).cpu()
    return {"packed_masks": packed, **about}


def _packed(masks: Tensor) -> Tensor:
    """Return masks [...,W] bool as bits [...,W/8] uint8."""
    width = masks.shape[-1]
    if width % 8:
        wider = -(-width // 8) * 8
        # Column x of `orig_size` is read at x * wider / width, rounded down.
        source = torch.arange(width, device=masks.device)
        read = (source * wider).div(width, rounding_mode="floor")
        masks = masks[
            ...,
            torch.searchsorted(read, torch.arange(wider, device=masks.device)).clamp(max=width - 1),
        ]
    bits = masks.unflatten(-1, (-1, 8)).to(torch.uint8)
    weights = (2 ** torch.arange(8, device=masks.device)).to(torch.uint8)
    packed: Tensor = (bits * weights).sum(-1, dtype=torch.uint8)
    return packed
