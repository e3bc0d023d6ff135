"""Normals of triangle meshes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_AT_ONCE = 2**21  # triangles of all meshes together: about 100 MB
_LEAST = 1e-12


@dataclass(frozen=True)
class Incidence:
    """Which of a mesh's T triangles meet at each of its P places.

    corners:  [3,T] int64, the vertices of each triangle
    triangle: [3T] int64, the triangles at the first place, then those at the second, and so on
    first:    [P] int64, where those of each place begin
    place:    [V] int64, the place of each vertex; None: each is at a place of its own
    """

    corners: Tensor
    triangle: Tensor
    first: Tensor
    place: Tensor | None

    @classmethod
    def of(cls, triangles: Tensor, vertices: int, place: Tensor | None = None) -> "Incidence":
        """Return it for triangles [T,3], counter-clockwise seen from outside.

        vertices: how many the mesh has
        place:    [V] int64; vertices of one number count as one, as where a texture has a seam
        """
        corners = triangles.T.contiguous()
        at = (corners if place is None else place[corners]).flatten()
        places = vertices if place is None else int(place.max()) + 1
        count = torch.bincount(at, minlength=places)
        triangle = at.argsort(stable=True) % len(triangles)
        return cls(corners, triangle, count.cumsum(0) - count, place)

    def normals(self, vertices: Tensor) -> Tensor:
        """Return the unit normals [N,V,3] of meshes with vertices [N,V,3]: the means of their
        triangles' normals, weighted by area."""
        if len(vertices) == 0:
            return torch.empty_like(vertices)
        step = max(1, _AT_ONCE // len(self.corners[0]))
        parts = [self._normals(part) for part in vertices.split(step)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _normals(self, vertices: Tensor) -> Tensor:
        # All meshes' values of a vertex lie together, so that they are read in one go.
        rows = vertices.permute(1, 2, 0).flatten(1)  # [V,3 * N]
        a, b, c = (rows.index_select(0, corner) for corner in self.corners)
        normal = _cross(b - a, c - a)  # [T,3 * N], twice the area long
        total = self._sums(normal).unflatten(1, (3, len(vertices)))
        x, y, z = total.unbind(1)
        length = (x * x + y * y + z * z).sqrt().clamp_(min=_LEAST)
        unit = total / length[:, None]
        if self.place is not None:
            unit = unit.index_select(0, self.place)
        normals: Tensor = unit.permute(2, 0, 1).contiguous()
        return normals

    def _sums(self, values: Tensor) -> Tensor:
        """Return the sums [P,C] at every place of values [T,C] of triangles, added in one order."""
        if values.device.type in ("cpu", "cuda"):
            found: Tensor = F.embedding_bag(self.triangle, values, self.first, mode="sum")
            return found
        count = self.first.diff(append=self.first.new_tensor([len(self.triangle)]))
        place = torch.repeat_interleave(count, output_size=len(self.triangle))
        total = values.new_zeros(len(self.first), values.shape[1])
        total.index_add_(0, place, values.index_select(0, self.triangle))
        return total


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Return the cross products [T,3 * N] of vectors [T,3 * N], first all x, then y, then z."""
    (a0, a1, a2), (b0, b1, b2) = a.chunk(3, 1), b.chunk(3, 1)
    return torch.cat([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], 1)


def precise(device: torch.device) -> torch.dtype:
    """Return double precision, or single on devices that have none (Apple's)."""
    return torch.float32 if device.type == "mps" else torch.float64
