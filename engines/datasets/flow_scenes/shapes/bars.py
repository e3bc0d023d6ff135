"""Thin bars, and lattices of them through which one sees."""

import torch
from torch import Tensor

from ...seeded import uniform
from .shape import Shape

_STREAM = 220
_WIDTHS = (0.025, 0.12)  # half widths
_MOST = 5  # bars of a lattice


def _make(numbers: Tensor, points: Tensor, seed: int) -> Tensor:
    draws = uniform(seed, numbers, 5, _STREAM)[..., None, None]
    x, y = points
    low, high = _WIDTHS
    half = low * (high / low) ** draws[:, 0]
    count = 1 + (draws[:, 1] ** 2 * _MOST).floor()
    step = 1.8 / count
    place = ((y + 0.9) / step).clamp(torch.zeros_like(count), count - 1e-3)
    across = (place - place.floor() - 0.5) * step
    beyond = (y.abs() - 0.9).clamp(min=0)
    half = half.minimum(step * 0.3)
    bars = half - across.abs() - beyond
    bars = torch.minimum(bars, 0.95 - x.abs())
    posts = torch.minimum(half - (x.abs() - 0.5).abs(), 0.95 - y.abs())
    return torch.where((draws[:, 2] < 0.5) & (count > 1), torch.maximum(bars, posts), bars)


SHAPE = Shape("bars", share=1.0, make=_make)
