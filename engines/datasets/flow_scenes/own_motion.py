"""How objects move by themselves: they shift, turn, grow, shear and tilt."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .magnitudes import magnitudes

COLUMNS = 4  # uniform numbers
NORMALS = 7  # standard normal numbers

_ON_THE_SPOT = 0.15  # share of objects that turn without going anywhere
_SIDEWAYS, _SLOPE = 0.4, 0.25  # share that moves about horizontally; its spread, rad
_TURN, _MOST_TURN = 0.5, 0.8  # of the way, at the outline; rad
_GROW, _MOST_GROW = 0.25, 0.35  # the same; logarithm
_SHEAR, _MOST_SHEAR = 0.15, 0.25
_TILT, _MOST_TILT = 0.15, 0.25  # change of the scale between middle and outline


@dataclass(frozen=True)
class OwnMotion:
    """shift [N,L,2] px of the middle; spread [N,L,3,3] about the middle, without the shift"""

    shift: Tensor
    spread: Tensor

    @classmethod
    def drawn(cls, draws: Tensor, normals: Tensor, radius: Tensor, scale: Tensor) -> "OwnMotion":
        """Return motions from draws [N,L,`COLUMNS`] and normals [N,L,`NORMALS`].

        radius: [N,L] px of the objects; scale: [N,1] factor of all motion
        """
        kind, spot, course, angle = draws.unbind(-1)
        way = magnitudes(kind, normals[..., 0]) * scale
        level = torch.where(angle < 0.5, 0.0, torch.pi) + _SLOPE * normals[..., 1]
        course = torch.where(course < _SIDEWAYS, level, angle * 2 * torch.pi)
        there = torch.stack([course.cos(), course.sin()], -1) * way[..., None]
        shift = torch.where(spot[..., None] < _ON_THE_SPOT, torch.zeros_like(there), there)
        relative = way / radius
        turn, grow, shear, tilt_x, tilt_y = (
            (value * part * relative).clamp(-most, most)
            for value, part, most in zip(
                normals[..., 2:].unbind(-1),
                (_TURN, _GROW, _SHEAR, _TILT, _TILT),
                (_MOST_TURN, _MOST_GROW, _MOST_SHEAR, _MOST_TILT, _MOST_TILT),
                strict=True,
            )
        )
        grow = grow.exp()
        cos, sin = turn.cos() * grow, turn.sin() * grow
        spread = torch.zeros(*way.shape, 3, 3, dtype=way.dtype)
        spread[..., 0, 0], spread[..., 0, 1] = cos, cos * shear - sin
        spread[..., 1, 0], spread[..., 1, 1] = sin, sin * shear + cos
        spread[..., 2, 0], spread[..., 2, 1] = tilt_x / radius, tilt_y / radius
        spread[..., 2, 2] = 1
        return cls(shift, spread)

    def about(self, middle: Tensor) -> Tensor:
        """Return homographies [N,L,3,3] that move objects whose middle [N,L,2] px is there."""
        there, back = (
            torch.eye(3, dtype=middle.dtype).repeat(*middle.shape[:-1], 1, 1) for _ in range(2)
        )
        there[..., :2, 2], back[..., :2, 2] = middle + self.shift, -middle
        return there @ self.spread @ back
