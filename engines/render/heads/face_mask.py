"""Masks of faces: the convex hulls of their points."""

import math

import torch
from torch import Tensor

from ...head.heads import Heads
from ..canvas import Canvas
from ..raster import ramp
from .projection import face_of
from .styles.landmarks import POINTS

_DIRECTIONS = 360  # in which corners are looked for: flatter ones, of less than a degree, are cut


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
    masks = points.new_zeros(len(heads), height, width, dtype=torch.float32)
    frame, place = seen.nonzero().unbind(1)
    if not len(frame):
        return masks
    here = canvas.place(points[frame, place].float())  # [N,K,2]
    limits = here.new_tensor([width, height])
    low = (here.amin(1) - 0.5).floor().clamp(min=0).minimum(limits).long()
    high = (here.amax(1) + 0.5).ceil().clamp(min=0).minimum(limits).long()
    across, down = (high - low).unbind(1)
    counts = across * down
    face = torch.repeat_interleave(counts)  # [M]
    at = ramp(counts)
    column = at % across[face] + low[face, 0]
    row = at // across[face] + low[face, 1]
    place = torch.stack([column, row], 1) + 0.5
    inside = torch.full_like(place[:, 0], 0.5)  # px from the outline, at most half a pixel
    start = _corners(here)
    along = start.roll(-1, 1) - start
    length = along.norm(dim=-1, keepdim=True)
    inward = torch.stack([-along[..., 1], along[..., 0]], -1) / length.clamp(min=1e-6)
    for a, n, side in zip(start.unbind(1), inward.unbind(1), length.unbind(1), strict=True):
        distance = ((place - a[face]) * n[face]).sum(1)
        inside = torch.where(side[face, 0] > 0, torch.minimum(inside, distance), inside)
    covered = (inside + 0.5).clamp(0, 1)
    pixel = (frame[face] * height + row) * width + column
    masks.view(-1).scatter_reduce_(0, pixel, covered, "amax")
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
