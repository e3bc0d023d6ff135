"""Where bodies are in front of the camera, from where their points lie in the picture."""

import torch
from torch import Tensor

_ROUNDS = 4
_FAR = 0.1  # of the body's extent in the picture; points further off count little
_NEAREST = 0.1  # m, the least depth of a point that is taken as it is


def place(points: Tensor, image: Tensor, weights: Tensor, table: Tensor) -> Tensor:
    """Return the translations [N,3] m that make points [N,M,3] m appear at `image` [N,M,2] px.

    Axes are those of a camera with y up. In rounds of weighted linear least squares: the first one
    counts every point as if all were equally far away, the others by the depth and the distance
    that the round before gave.

    weights: [N,M] at least 0
    table:   [4,N] px: fx, fy, cx, cy
    """
    across, up = rays(image, table).unbind(-1)  # [N,M]
    x, y, z = points.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    # A point at depth -(z + t_z) on its ray: x + t_x = -across (z + t_z), and so for y.
    rows = torch.cat(
        [torch.stack([one, zero, across], -1), torch.stack([zero, one, up], -1)], 1
    ).double()
    right = torch.cat([-across * z - x, -up * z - y], 1).double()
    counted = weights
    found = points.new_zeros(len(points), 3)
    for _ in range(_ROUNDS):
        weight = counted.repeat(1, 2).double()[..., None]
        normal = rows.mT @ (rows * weight)
        normal.diagonal(dim1=1, dim2=2).add_(1e-9)
        towards = (rows.mT @ (weight * right[..., None]))[..., 0]
        found = torch.linalg.solve(normal, towards)
        moved = points + found[:, None].to(points.dtype)
        depth = (-moved[..., 2]).clamp(min=_NEAREST)
        off = (moved[..., :2] / depth[..., None] - torch.stack([across, up], -1)).norm(dim=-1)
        extent = torch.stack([across, up], -1)
        extent = (extent.amax(1) - extent.amin(1)).amax(-1, keepdim=True).clamp(min=1e-6)
        counted = weights / depth**2 / (1 + (off / (_FAR * extent)) ** 2) ** 2
    return found.to(points.dtype)


def rays(image: Tensor, table: Tensor) -> Tensor:
    """Return the directions [N,M,2] of places in the picture [N,M,2] px: x and y, up, per depth.

    table: [4,N] px: fx, fy, cx, cy
    """
    fx, fy, cx, cy = table[..., None].unbind(0)
    return torch.stack([(image[..., 0] - cx) / fx, (cy - image[..., 1]) / fy], -1)


def appear(points: Tensor, table: Tensor) -> Tensor:
    """Return where points [N,M,3] m in front of the camera appear [N,M,2] px."""
    fx, fy, cx, cy = table[..., None].unbind(0)
    depth = (-points[..., 2]).clamp(min=_NEAREST)
    return torch.stack([cx + fx * points[..., 0] / depth, cy - fy * points[..., 1] / depth], -1)
