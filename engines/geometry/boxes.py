"""Boxes [...,4] as x0, y0, x1, y1 in pixels: sides, areas and overlaps.

Every function works on any number of leading dimensions. Functions of two sets broadcast, so that
`iou(a[:, None], b)` compares each of N boxes with each of M.
"""

import torch
from torch import Tensor

from ..constants import constant

_LEAST_AREA = 1e-6  # px², so that boxes without an area do not divide by zero


def sides(boxes: Tensor) -> Tensor:
    """Return width and height [...,2] of boxes [...,4]."""
    return boxes[..., 2:] - boxes[..., :2]


def centres(boxes: Tensor) -> Tensor:
    """Return the centres x, y [...,2] of boxes [...,4]."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def areas(boxes: Tensor) -> Tensor:
    """Return the areas [...] in px² of boxes [...,4]."""
    return sides(boxes).prod(-1)


def intersections(a: Tensor, b: Tensor) -> Tensor:
    """Return the areas [...] in px² that boxes `a` and `b` share."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    return (high - low).clamp(min=0).prod(-1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the intersection over union [...] of boxes `a` and `b`, 0..1."""
    both = intersections(a, b)
    return both / (areas(a) + areas(b) - both).clamp(min=_LEAST_AREA)


def coverage(inner: Tensor, outer: Tensor) -> Tensor:
    """Return the part [...] of the area of `inner` that lies in `outer`, 0..1."""
    return intersections(inner, outer) / areas(inner).clamp(min=_LEAST_AREA)


def corners(boxes: Tensor) -> Tensor:
    """Return boxes [...,4] as their top left and bottom right corners [...,2,2]."""
    points: Tensor = boxes.unflatten(-1, (2, 2))
    return points


def from_corners(corners: Tensor) -> Tensor:
    """Return corners [...,2,2] as boxes [...,4]."""
    return corners.flatten(-2)


def clipped(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the parts of boxes [...,4] that lie on a canvas of `size` (height, width)."""
    height, width = size
    ends = constant((width, height, width, height), boxes.dtype, boxes.device)
    return torch.minimum(boxes.clamp(min=0), ends)
