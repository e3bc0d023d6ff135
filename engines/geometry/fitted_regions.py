"""Regions that points lie in: squares that are turned with what the points show."""

import torch
from torch import Tensor

from .turned_crops import Regions


def direction(first: Tensor, second: Tensor) -> Tensor:
    """Return the direction [N] rad from points [N,2] to others, clockwise in the picture."""
    x, y = (second - first).unbind(-1)
    return torch.atan2(y, x)


def regions_around(
    points: Tensor, frame: Tensor, angle: Tensor, *, reach: float, ahead: float = 0.0
) -> Regions:
    """Return the regions around points [N,K,2] px on the frames [N], turned by `angle` [N] rad.

    reach: side of a region, in longer sides of the upright box around the points in the region's
           own axes
    ahead: how far a region is moved upwards in its own axes, in heights of that box
    """
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    own = points @ turn
    low, high = own.amin(1), own.amax(1)
    size = high - low
    middle = (low + high) / 2 - ahead * size * size.new_tensor([0.0, 1.0])
    centre = (turn @ middle[:, :, None])[..., 0]
    return Regions(frame, centre, reach * size.amax(-1), angle)
