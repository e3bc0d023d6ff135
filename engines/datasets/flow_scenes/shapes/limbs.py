"""Chains of round limbs, like branches, arms and legs."""

import torch
from torch import Tensor

from ...seeded import uniform
from .shape import Shape

_STREAM = 230
_LIMBS = 7


def _make(numbers: Tensor, points: Tensor, seed: int) -> Tensor:
    draws = uniform(seed, numbers, 3 * _LIMBS + 3, _STREAM)[..., None, None]
    x, y = points
    start = torch.zeros_like(draws[:, 0]), torch.full_like(draws[:, 0], -0.2)
    angle = draws[:, 0] * 2 * torch.pi
    base = 0.05 + 0.12 * draws[:, 1]
    inside = torch.full_like(x, -10.0)
    at = start
    for number in range(_LIMBS):
        turn, reach, again = draws[:, 3 + 3 * number : 6 + 3 * number].unbind(1)
        back = again < 0.35  # the next one grows from the middle
        at = tuple(torch.where(back, s, a) for s, a in zip(start, at, strict=True))  # type: ignore[assignment]
        angle = torch.where(back, turn * 2 * torch.pi, angle + (turn - 0.5) * 2.4)
        length = 0.2 + 0.3 * reach
        end = (
            (at[0] + length * angle.cos()).clamp(-0.9, 0.9),
            (at[1] + length * angle.sin()).clamp(-0.9, 0.9),
        )
        dx, dy = end[0] - at[0], end[1] - at[1]
        part = ((x - at[0]) * dx + (y - at[1]) * dy) / (dx * dx + dy * dy).clamp(min=1e-6)
        part = part.clamp(0, 1)
        width = base * (1 - 0.06 * number) * (1 - 0.3 * part)
        away = torch.hypot(x - at[0] - part * dx, y - at[1] - part * dy)
        inside = torch.maximum(inside, width - away)
        at = end
    return inside


SHAPE = Shape("limbs", share=1.2, make=_make)
