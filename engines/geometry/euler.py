"""Rotations as three angles, for files of other programs."""

import torch
from torch import Tensor

_LOCKED = 1e-6  # cosine of the middle angle, below which the outer two turn about one axis


def as_zxy(matrices: Tensor) -> Tensor:
    """Return rotations [...,3,3] as angles [...,3] in rad about z, x and y: R = Rz Rx Ry.

    The middle one is in -pi/2..pi/2. Where it is at an end, the first is 0.
    """
    m = matrices
    cosine = torch.hypot(m[..., 0, 1], m[..., 1, 1])
    x = torch.atan2(m[..., 2, 1], cosine)
    z = torch.where(cosine < _LOCKED, 0.0, torch.atan2(-m[..., 0, 1], m[..., 1, 1]))
    # Of what is left without z, so that what z lacks near the ends is in y.
    c, s = z.cos(), z.sin()
    y = torch.atan2(c * m[..., 0, 2] + s * m[..., 1, 2], c * m[..., 0, 0] + s * m[..., 1, 0])
    return torch.stack([z, x, y], -1)


def without_jumps(degrees: Tensor, before: Tensor | None = None) -> Tensor:
    """Return angles [F,...] in degrees, turned by whole turns so that none changes by more than a
    half from frame to frame.

    before: [...] the angles before the first frame; None: there is none
    """
    first = degrees[:1] if before is None else before[None].to(degrees.dtype)
    steps = torch.diff(torch.cat([first, degrees]), dim=0)
    return degrees - 360 * torch.cumsum((steps / 360).round(), 0)
