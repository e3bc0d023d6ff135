"""Discs and rings, whole and cut off."""

import torch
from torch import Tensor

from ...seeded import uniform
from .shape import Shape

_STREAM = 240


def _make(numbers: Tensor, points: Tensor, seed: int) -> Tensor:
    draws = uniform(seed, numbers, 4, _STREAM)[..., None, None]
    x, y = points
    length = torch.hypot(x, y)
    outside = 0.9 - length
    hole = length - 0.75 * draws[:, 0]
    inside = torch.where(draws[:, 1] < 0.6, torch.minimum(outside, hole), outside)
    cut = torch.where(draws[:, 2] < 0.4, y + draws[:, 3] - 0.3, torch.full_like(y, 10.0))
    return torch.minimum(inside, cut)


SHAPE = Shape("rings", share=0.6, make=_make)
