"""Normals of triangle meshes."""

import torch
import torch.nn.functional as F
from torch import Tensor


def vertex_normals(vertices: Tensor, triangles: Tensor, place: Tensor | None = None) -> Tensor:
    """Return the unit normals [N,V,3] of meshes with vertices [N,V,3]: the means of their
    triangles' normals, weighted by area.

    triangles: [T,3] int64, counter-clockwise seen from outside
    place:     [V] int64; vertices of one number count as one, as where a texture has a seam. None:
               every vertex is one of its own
    """
    a, b, c = (vertices.index_select(1, triangles[:, corner]) for corner in range(3))
    normal = torch.linalg.cross(b - a, c - a)  # [N,T,3], twice the area long
    # In double precision: a GPU adds in any order, which must not show in the result.
    normal = normal.to(precise(vertices.device))
    count = vertices.shape[1] if place is None else int(place.max()) + 1
    total = normal.new_zeros(len(vertices), count, 3)
    for corner in range(3):
        of = triangles[:, corner]
        total.index_add_(1, of if place is None else place[of], normal)
    normals = F.normalize(total, dim=-1).to(vertices.dtype)
    return normals if place is None else normals.index_select(1, place)


def precise(device: torch.device) -> torch.dtype:
    """Return double precision, or single on devices that have none (Apple's)."""
    return torch.float32 if device.type == "mps" else torch.float64
