"""Smooth deformations of the plane that are known in both directions.

A deformation is a sequence of waves, each of which moves points along one direction by a sine of
where they are along another: q = p + m sin(n.p + c). Several waves of different directions bend,
squeeze and stretch a layer in any way. With u = n.p, which gives p, the reverse is one number's
equation, u + (n.m) sin(u + c) = n.q: Kepler's, which has one solution where |n.m| < 1. Newton's
steps find it to the last digits of float32.
"""

import torch
from torch import Tensor

STEEPEST = 0.35  # of |n.m|, for which so many steps are enough
_STEPS = 3


def deformed(points: Tensor, waves: Tensor) -> Tensor:
    """Return where points [M,2,H,W] px go by waves [M,K,5]: the x and y of n in rad per px, c in
    rad, the x and y of m in px."""
    for wave in waves.unbind(1):
        across_x, across_y, phase, x, y = wave[..., None, None].unbind(1)  # [M,1,1]
        sine = torch.sin(points[:, 0] * across_x + points[:, 1] * across_y + phase)
        points = points + torch.stack([sine * x, sine * y], 1)
    return points


def undone(points: Tensor, waves: Tensor) -> Tensor:
    """Return the points that `deformed` moves to `points`."""
    for wave in reversed(waves.unbind(1)):
        across_x, across_y, phase, x, y = wave[..., None, None].unbind(1)
        back = across_x * x + across_y * y
        # v = u + c
        wanted = points[:, 0] * across_x + points[:, 1] * across_y + phase
        place = wanted - back * torch.sin(wanted)
        for _ in range(_STEPS):
            slope = 1 + back * torch.cos(place)
            place = place - (place + back * torch.sin(place) - wanted) / slope
        sine = torch.sin(place)
        points = points - torch.stack([sine * x, sine * y], 1)
    return points
