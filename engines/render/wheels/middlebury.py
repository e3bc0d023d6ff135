"""The published colour wheel of Middlebury (Baker et al., 2007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wheel import CORNERS, Wheel

if TYPE_CHECKING:
    from torch import Tensor

# Steps from red to yellow, to green, to cyan, to blue, to magenta and back.
_STEPS = (15, 6, 4, 11, 13, 6)


def colour_wheel() -> Tensor:
    """Return the 55 published colours [55,3] RGB 0..1."""
    import torch

    corners = torch.tensor(CORNERS, dtype=torch.float32)
    rows = []
    for number, steps in enumerate(_STEPS):
        start, end = corners[number], corners[(number + 1) % 6]
        # 8-bit steps, rounded down as published; falling channels fall from 255
        rise = torch.floor(255 * torch.arange(steps) / steps)[:, None] / 255
        falls = end < start
        rows.append(torch.where(falls, start - rise, start + (end - start) * rise))
    return torch.cat(rows)


WHEEL = Wheel("middlebury", colour_wheel, order=10)
