"""Choose the points to follow: over the whole picture, or inside a mask."""

import math

import torch
from torch import Tensor

from ..checks import check_masks
from ..errors import InputError


def spread_points(size: tuple[int, int], points: int, mask: Tensor | None = None) -> Tensor:
    """Return about `points` places [N,2] x, y px, evenly over a picture of `size` (height, width).

    mask: [F,H,W] 0..1, of which the first counts: only places where it is 0.5 or more

    The picture, or the mask's area, is divided into square cells. Each gives its middle, or the
    pixel of the mask nearest to that; if more cells touch the mask than `points`, those that it
    fills most count. Raises `InputError` for a mask of another size, an empty one,
    and fewer than one point.
    """
    if points < 1:
        raise InputError(f"points: expected at least 1, found {points}")
    height, width = size
    wanted = _inside(mask, size)
    area = height * width if wanted is None else int(wanted.sum())
    side = max(1.0, math.sqrt(area / points))
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    high, wide = height / rows, width / columns
    if wanted is None:
        y = (torch.arange(rows) + 0.5) * high
        x = (torch.arange(columns) + 0.5) * wide
        return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).flatten(0, 1)
    y, x = (where + 0.5 for where in wanted.nonzero().unbind(1))  # [M] each
    row = (y / high).long().clamp(max=rows - 1)
    column = (x / wide).long().clamp(max=columns - 1)
    cell = row * columns + column
    away = torch.hypot(y - (row + 0.5) * high, x - (column + 0.5) * wide)
    nearest = away.new_full((rows * columns,), math.inf).scatter_reduce(0, cell, away, "amin")
    pixel = torch.arange(len(cell), device=cell.device)
    pixel = pixel.masked_fill(away > nearest[cell], len(cell))
    chosen = torch.full((rows * columns,), len(cell), device=cell.device)
    chosen = chosen.scatter_reduce(0, cell, pixel, "amin")
    chosen = chosen[chosen < len(cell)]
    if len(chosen) > points:  # an edge touches more cells than the area fills
        filled = torch.bincount(cell, minlength=rows * columns)[cell[chosen]]
        best = filled.sort(descending=True, stable=True).indices[:points]
        chosen = chosen[best.sort().values]
    return torch.stack([x[chosen], y[chosen]], -1).float().cpu()


def within(places: Tensor, mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return which places [N,2] x, y px of a picture of `size` a mask [F,H,W] covers in its first
    frame, [N] bool.

    Raises `InputError` for a mask of another size, and an empty one.
    """
    wanted = _inside(mask, size)
    assert wanted is not None
    height, width = size
    x, y = places.floor().long().unbind(-1)
    found = wanted.to(places.device)[y.clamp(0, height - 1), x.clamp(0, width - 1)]
    return on_canvas(places, size) & found


def on_canvas(places: Tensor, size: tuple[int, int]) -> Tensor:
    """Return which places [...,2] x, y px lie on a picture of `size` (height, width)."""
    x, y = places.unbind(-1)
    return (x >= 0) & (y >= 0) & (x < size[1]) & (y < size[0])


def _inside(mask: Tensor | None, size: tuple[int, int]) -> Tensor | None:
    if mask is None:
        return None
    check_masks("mask", mask)
    height, width = size
    if mask.shape[1:] != (height, width):
        raise InputError(
            f"mask: expected {width}x{height}, as the footage, found "
            f"{mask.shape[2]}x{mask.shape[1]}; resize it first"
        )
    found = mask[0] >= 0.5
    if not bool(found.any()):
        raise InputError(
            "mask: nothing is marked in its first frame, where tracks begin; mark what they are to "
            "follow with values of 0.5 or more"
        )
    return found
