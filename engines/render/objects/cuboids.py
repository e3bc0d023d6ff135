"""Cuboids of objects in space, and their axes, as lines in the picture."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...detect.objects import Objects
from ...detect.projection import projected

# Corner n has the greatest x, y, z where bits 0, 1, 2 of n are set. Edges: along x, y, z.
EDGES = tuple(
    (corner, corner | 1 << axis)
    for axis in range(3)
    for corner in range(8)
    if not corner >> axis & 1
)
_BEYOND = 1.01  # times the near plane, where lines that would cross it end


@dataclass(frozen=True)
class Segments:
    """Lines between two points each.

    points: [F,P,S,2,2] px of the canvas, both ends
    shown:  [F,P,S] bool
    """

    points: Tensor
    shown: Tensor


@dataclass(frozen=True)
class Cuboids:
    """The edges of cuboids, in the order of `EDGES`, and the three axes.

    front: [F,P,12] bool, edges of a face that is seen from the outside; the others lie behind
    """

    edges: Segments
    front: Tensor
    axes: Segments


def cuboids_of(objects: Objects, bounds: Tensor) -> Cuboids:
    """Return cuboids [F,P] of objects with poses.

    bounds: [F,P,2,3] m, the least and the greatest x, y, z
    """
    assert objects.rotation is not None
    assert objects.translation is not None
    turn, place = objects.rotation.float(), objects.translation.float()
    bits = torch.tensor([[n >> axis & 1 for axis in range(3)] for n in range(8)])
    bits = bits.to(turn.device)
    low, high = bounds.unbind(2)
    corners = torch.where(bits.bool(), high[:, :, None], low[:, :, None])  # [F,P,8,3]
    seen = corners @ turn.mT + place[:, :, None]
    ends = torch.tensor(EDGES, device=turn.device)
    half = (high - low) / 2
    origin = place[:, :, None].expand(-1, -1, 3, -1)
    tips = origin + turn.mT * half[..., None]  # columns of the rotation, as rows
    return Cuboids(
        edges=_segments(objects, seen[:, :, ends]),
        front=_front(turn, place, low, high, bits[ends[:, 0]].bool()),
        axes=_segments(objects, torch.stack([origin, tips], 3)),
    )


def fitting_cubes(objects: Objects) -> Tensor:
    """Return the bounds [F,P,2,3] m of cubes about the origin that fill the objects' boxes."""
    assert objects.rotation is not None
    assert objects.translation is not None
    low, high = objects.boxes.float().unflatten(2, (2, 2)).unbind(2)
    depth = objects.translation[..., 2:].float()
    half = (high - low) / 2 * depth / _lens(objects)[..., :2]  # [F,P,2] m
    reach = objects.rotation.float()[..., :2, :].abs().sum(-1)  # of a cube with half sides of 1
    side = (half * reach).sum(-1) / reach.square().sum(-1).clamp(min=1e-6)
    return torch.stack([-side, side], -1)[..., None].expand(-1, -1, -1, 3)


def _front(turn: Tensor, place: Tensor, low: Tensor, high: Tensor, bits: Tensor) -> Tensor:
    """Return which edges [F,P,12] belong to a face whose outside the camera sees.

    bits: [12,3] bool, where each edge lies on the axes across it
    """
    camera = -(place[..., None, :] @ turn).squeeze(-2)  # in the axes of the object
    faces = torch.where(bits, (camera > high)[:, :, None], (camera < low)[:, :, None])
    along = torch.arange(3, device=turn.device).repeat_interleave(4)
    across = torch.arange(3, device=turn.device) != along[:, None]  # [12,3]
    return (faces & across).any(-1)


def _segments(objects: Objects, ends: Tensor) -> Segments:
    """Return lines between places [F,P,S,2,3] m before the camera, cut at its near plane."""
    camera = objects.camera
    assert camera is not None
    ends = camera.view(ends)
    near = _BEYOND * camera.near
    z = ends[..., 2]
    deeper = (z > near).any(-1) & objects.present[..., None]
    other = ends.flip(3)
    part = ((near - z) / (other[..., 2] - z).abs().clamp(min=1e-9)).clamp(0, 1)
    ends = ends + (other - ends) * part[..., None]  # part is 0 where an end lies beyond
    ends = torch.where(deeper[..., None, None], ends, 1.0)
    return Segments(projected(ends, _lens(objects)[:, :, None, None]), deeper)


def _lens(objects: Objects) -> Tensor:
    """Return fx, fy, cx, cy [F or 1,1,4] px of the canvas."""
    assert objects.camera is not None
    table = objects.camera.fitted(objects.canvas).table(torch.float32)
    return table.to(objects.device).T[:, None]
