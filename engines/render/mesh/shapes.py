"""Meshes that need no file."""

import math

import torch

from .mesh import Mesh


def ellipsoid(
    radii: tuple[float, float, float] = (1.0, 1.0, 1.0),
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
    *,
    rings: int = 24,
    segments: int = 32,
    heights: tuple[float, float] = (0.0, 180.0),
    angles: tuple[float, float] = (-180.0, 180.0),
    name: str = "ellipsoid",
) -> Mesh:
    """Return an ellipsoid with axes x, y, z, or a part of one.

    rings, segments: how many rows and columns of two triangles
    heights: degrees from the top (0) to the bottom (180), y being up
    angles:  degrees round y, 0 being towards z and 90 towards x

    The texture goes once round it, from the top down. At a pole triangles without area are left
    out.
    """
    down, across = (
        torch.linspace(math.radians(start), math.radians(stop), count + 1, dtype=torch.float64)
        for (start, stop), count in ((heights, rings), (angles, segments))
    )
    height, angle = torch.meshgrid(down, across, indexing="ij")
    points = [height.sin() * angle.sin(), height.cos(), height.sin() * angle.cos()]
    # Rounded, so that the two ends of a ring are one place, and so is a pole.
    unit = torch.stack(points, -1).flatten(0, 1).round(decimals=12) + 0.0
    vertices = unit * unit.new_tensor(radii) + unit.new_tensor(centre)
    first = torch.arange(rings)[:, None] * (segments + 1) + torch.arange(segments)
    next_row = segments + 1
    lower = torch.stack([first, first + next_row, first + next_row + 1], -1)
    upper = torch.stack([first, first + next_row + 1, first + 1], -1)
    lower = lower[: rings - 1] if heights[1] == 180 else lower
    upper = upper[1:] if heights[0] == 0 else upper
    v, u = torch.meshgrid(
        torch.linspace(0, 1, rings + 1), torch.linspace(0, 1, segments + 1), indexing="ij"
    )
    return Mesh(
        vertices.float(),
        torch.cat([lower.flatten(0, 1), upper.flatten(0, 1)]),
        uv=torch.stack([u, v], -1).flatten(0, 1),
        name=name,
    )
