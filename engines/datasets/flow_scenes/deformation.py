"""Smooth deformations of the plane whose inverse is exact.

A deformation is a sequence of shears, each of which moves points along one direction by a sine of
where they are across it: p + a sin(w n.p + c) m with m at right angles to n. As n.p stays what it
is, the inverse subtracts the same. Several shears of different directions bend a layer in any
way that keeps its area; they cannot fold it, however large they are.
"""

import torch
from torch import Tensor


def deformed(points: Tensor, shears: Tensor) -> Tensor:
    """Return where points [M,2,H,W] px go by shears [M,K,5]: the x and y of n times w in rad per
    px, c in rad, the x and y of m times a in px."""
    for shear in shears.unbind(1):
        points = points + _step(points, shear)
    return points


def undone(points: Tensor, shears: Tensor) -> Tensor:
    """Return the points that `deformed` moves to `points`."""
    for shear in reversed(shears.unbind(1)):
        points = points - _step(points, shear)
    return points


def _step(points: Tensor, shear: Tensor) -> Tensor:
    across_x, across_y, phase, x, y = shear[..., None, None].unbind(1)  # [M,1,1]
    sine = torch.sin(points[:, 0] * across_x + points[:, 1] * across_y + phase)
    return torch.stack([sine * x, sine * y], 1)
