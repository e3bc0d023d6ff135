"""Masks of faces: the convex hulls of their points, antialiased."""

import math

import torch
from torch import Tensor

from ...head.heads import Heads
from ..canvas import Canvas
from ..raster import ramp
from .projection import face_of
from .styles.landmarks import POINTS

_DIRECTIONS = 360  # in which corners are looked for: flatter ones, of less than a degree, are cut
_FRINGE = 0.5  # px on both sides of the outline in which it fades
_UPRIGHT = 1e-4  # of the horizontal part of a side's normal: below it the side is horizontal


def face_masks(heads: Heads, canvas: Canvas) -> Tensor:
    """Return how much of each pixel [F,H,W] 0..1 of the canvas the faces of heads cover.

    A face is the convex hull of its landmarks, or of the canonical face in the head's pose if it
    has none. Heads that reach before the near plane have no mask.
    """
    if heads.landmarks.shape[2] == POINTS:
        points, seen = heads.landmarks[..., :2], heads.present
    else:
        points, every = face_of(heads)
        seen = every.all(-1)
    height, width = canvas.size
    masks = torch.zeros(len(heads), height, width, device=heads.device)
    frame, place = seen.nonzero().unbind(1)
    if not len(frame):
        return masks
    here = canvas.place(points[frame, place].float())  # [N,K,2]
    sides = _sides(_corners(here))  # [N,C,3]
    low = (here[..., 1].amin(1) - _FRINGE).floor().clamp(0, height).long()
    high = (here[..., 1].amax(1) + _FRINGE).ceil().clamp(0, height).long()
    rows = high - low
    face = torch.repeat_interleave(rows)  # [R]
    row = ramp(rows) + low[face]
    start = (frame[face] * height + row) * width  # of the row's pixels
    outer, outer_end = _spans(sides[face], row + 0.5, -_FRINGE, width)
    inner, inner_end = _spans(sides[face], row + 0.5, _FRINGE, width)
    none = inner_end <= inner  # no pixel of the row is whole: all are fringe
    inner, inner_end = (torch.where(none, outer_end, ends) for ends in (inner, inner_end))
    flat = masks.view(-1)
    whole, column = _run(inner, inner_end)
    flat[start[whole] + column] = 1.0
    for first, end in ((outer, inner), (inner_end, outer_end)):
        at, column = _run(first, end)
        distance = _inside(sides[face[at]], column + 0.5, row[at] + 0.5)
        flat.scatter_reduce_(0, start[at] + column, (distance + 0.5).clamp(0, 1), "amax")
    return masks


def _corners(points: Tensor) -> Tensor:
    """Return the corners of the convex hulls of points [N,K,2], in the order of their angle: as
    many as the most of them have, with those of others repeated: [N,C,2]."""
    angle = torch.arange(_DIRECTIONS, device=points.device) * (2 * math.pi / _DIRECTIONS)
    directions = torch.stack([angle.cos(), angle.sin()]).to(points.dtype)
    farthest = (points @ directions).argmax(1)  # [N,D]
    new = farthest != farthest.roll(1, 1)
    count = new.sum(1)
    most = int(count.max())
    first = new.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
    corner = farthest.gather(1, first)
    beyond = torch.arange(most, device=points.device) >= count[:, None]
    corner = torch.where(beyond, corner[:, :1], corner)
    return points.gather(1, corner[..., None].expand(-1, -1, 2))


def _sides(corners: Tensor) -> Tensor:
    """Return the sides between successive corners [N,C,2] as a, b, c [N,C,3]: a x + b y + c is how
    far (x, y) lies inside. Where two corners are the same, everything lies far inside."""
    along = corners.roll(-1, 1) - corners
    length = along.norm(dim=-1)
    a, b = -along[..., 1] / length.clamp(min=1e-6), along[..., 0] / length.clamp(min=1e-6)
    c = -(a * corners[..., 0] + b * corners[..., 1])
    return torch.stack([a, b, torch.where(length > 0, c, torch.inf)], -1)


def _inside(sides: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return how far points [M] lie inside the hulls of sides [M,C,3], in px."""
    a, b, c = sides.unbind(-1)
    return (a * x[:, None] + b * y[:, None] + c).amin(1)


def _spans(sides: Tensor, y: Tensor, distance: float, width: int) -> tuple[Tensor, Tensor]:
    """Return the columns [R] from which on, and up to but not including which, the pixels of rows
    lie at least `distance` px inside hulls; the latter is not above the former where none does.

    sides: [R,C,3]; y: [R] px, the middle of each row
    """
    a, b, c = sides.unbind(-1)
    rest = b * y[:, None] + c - distance
    bound = -rest / torch.where(a.abs() < _UPRIGHT, 1.0, a)
    left = torch.where(a >= _UPRIGHT, bound, -torch.inf).amax(1)
    right = torch.where(a <= -_UPRIGHT, bound, torch.inf).amin(1)
    out = ((a.abs() < _UPRIGHT) & (rest < 0)).any(1)
    first = (left - 0.5).ceil().clamp(0, width).long()
    end = ((right - 0.5).floor() + 1).clamp(0, width).long()
    return first, torch.where(out, first, end)


def _run(first: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Return the columns [M] from `first` [R] up to `end` [R], and the row of each [M]."""
    counts = (end - first).clamp(min=0)
    row = torch.repeat_interleave(counts)
    return row, ramp(counts) + first[row]
