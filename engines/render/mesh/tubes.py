"""Tubes along curves, as meshes."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .mesh import Mesh


def tube(
    path: Tensor,
    radii: tuple[float, float],
    across: tuple[float, float, float],
    *,
    closed: bool = False,
    sides: int = 12,
    name: str = "tube",
) -> Mesh:
    """Return a tube of elliptical section along a curve, closed at its ends.

    path:   [S,3] points of the curve; if it is `closed` the last is joined to the first
    radii:  of the section, first along `across`, as far as that is square to the curve
    across: a direction that is nowhere along the curve
    """
    if closed:
        along = path.roll(-1, 0) - path.roll(1, 0)
    else:
        ends = torch.cat([2 * path[:1] - path[1:2], path, 2 * path[-1:] - path[-2:-1]])
        along = ends[2:] - ends[:-2]
    along = F.normalize(along, dim=1)
    second = F.normalize(torch.linalg.cross(along, path.new_tensor(across).expand_as(path)), dim=1)
    first = torch.linalg.cross(second, along)
    angle = torch.arange(sides) * (2 * math.pi / sides)
    ring = (
        first[:, None] * (angle.cos() * radii[0])[:, None]
        + second[:, None] * (angle.sin() * radii[1])[:, None]
    )
    vertices = (path[:, None] + ring).flatten(0, 1)
    count = len(path)
    row, column = torch.meshgrid(
        torch.arange(count if closed else count - 1), torch.arange(sides), indexing="ij"
    )
    here, there = row * sides, (row + 1) % count * sides
    other = (column + 1) % sides
    corners = [here + column, here + other, there + other, there + column]
    a, b, c, d = (corner.flatten() for corner in corners)
    triangles = [torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)]
    if not closed:
        vertices = torch.cat([vertices, path[:1], path[-1:]])
        start, end = len(vertices) - 2, len(vertices) - 1
        ring_of = torch.arange(sides)
        following = (ring_of + 1) % sides
        last = (count - 1) * sides
        triangles += [
            torch.stack([torch.full_like(ring_of, start), following, ring_of], 1),
            torch.stack([torch.full_like(ring_of, end), last + ring_of, last + following], 1),
        ]
    return Mesh(vertices, torch.cat(triangles), name=name)


def joined(meshes: list[Mesh], colour: tuple[float, float, float, float], name: str) -> Mesh:
    """Return meshes without textures as one of one colour."""
    first, triangles = 0, []
    for mesh in meshes:
        triangles.append(mesh.triangles + first)
        first += len(mesh.vertices)
    vertices = torch.cat([mesh.vertices for mesh in meshes])
    return Mesh(vertices, torch.cat(triangles), colour=colour, name=name)


def smooth_curve(points: Tensor, count: int) -> Tensor:
    """Return `count` points of a curve [count,3] through points [N,3] (Catmull-Rom)."""
    before = torch.cat([2 * points[:1] - points[1:2], points])
    whole = torch.cat([before, 2 * points[-1:] - points[-2:-1]])
    at = torch.linspace(0, len(points) - 1, count).clamp(max=len(points) - 1 - 1e-6)
    number = at.long()
    t = (at - number)[:, None]
    p0, p1, p2, p3 = (whole[number + k] for k in range(4))
    bend = 2 * p0 - 5 * p1 + 4 * p2 - p3
    return (2 * p1 + (p2 - p0) * t + bend * t * t + (3 * (p1 - p2) + p3 - p0) * t * t * t) / 2
