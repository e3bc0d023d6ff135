"""Polygons of up to six edges, and pairs of them put together."""

import torch
from torch import Tensor

from ...seeded import uniform
from .shape import Shape

_STREAM = 210
_EDGES = 6


def _make(numbers: Tensor, points: Tensor, seed: int) -> Tensor:
    draws = uniform(seed, numbers, 2 * (2 * _EDGES + 3) + 1, _STREAM)[..., None, None]
    one, other = (_convex(draws[:, start : start + 2 * _EDGES + 3], points) for start in (0, 15))
    return torch.where(draws[:, -1] < 0.5, one, torch.maximum(one, other))


def _convex(draws: Tensor, points: Tensor) -> Tensor:
    x, y = points[0] - 0.5 * (draws[:, 0] - 0.5), points[1] - 0.5 * (draws[:, 1] - 0.5)
    count = 3 + (draws[:, 2] * (_EDGES - 2)).floor()  # triangles to hexagons
    inside = 1.1 - torch.hypot(points[0], points[1]).expand_as(x)
    for edge in range(_EDGES):
        angle = (edge + 0.6 * draws[:, 3 + edge]) * (2 * torch.pi / count)
        reach = 0.35 + 0.5 * draws[:, 3 + _EDGES + edge]
        away = reach - x * angle.cos() - y * angle.sin()
        inside = torch.where(edge < count, torch.minimum(inside, away), inside)
    return inside


SHAPE = Shape("polygons", share=1.5, make=_make)
