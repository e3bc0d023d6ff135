"""Smooth closed curves: a radius that is a Fourier series of the angle."""

import torch
from torch import Tensor

from ...seeded import normal, uniform
from .shape import Shape

_STREAM = 200
_WAVES = 6


def _make(numbers: Tensor, points: Tensor, seed: int) -> Tensor:
    x, y = points
    angle, length = torch.atan2(y, x), torch.hypot(x, y)
    waves = normal(seed, numbers, 2 * _WAVES, _STREAM).view(-1, 2, _WAVES, 1, 1)
    rough = uniform(seed, numbers, 1, _STREAM + 1)[..., None]
    radius, slope = torch.zeros_like(rough), torch.zeros_like(rough)
    for number in range(_WAVES):
        times = number + 1
        strength = 0.35 * rough / times
        cos, sin = (waves[:, part, number] * strength for part in (0, 1))
        radius = radius + cos * torch.cos(times * angle) + sin * torch.sin(times * angle)
        slope = slope + times * (sin * torch.cos(times * angle) - cos * torch.sin(times * angle))
    radius = 0.75 * torch.exp(radius)
    # The distance to the curve is less than that along the ray, as the curve is slanted to it.
    radius = radius.clamp(max=1.1)
    slope = radius * slope
    return (radius - length) / torch.hypot(torch.ones_like(slope), slope / length.clamp(min=0.05))


SHAPE = Shape("blobs", share=2.0, make=_make)
