"""Textures of several meshes as one table of texels, each with its smaller versions."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .mesh import Mesh


@dataclass(frozen=True)
class Textures:
    """The textures of M meshes; one without a texture has a white texel.

    texels: [4,X] red, green, blue, alpha; colours multiplied by alpha
    levels: [4,M,L] int64: first texel, height and width of every version, and 1 if it repeats
            beyond its edges. Each has half the sides of the one before, down to 1x1, which comes
            again until all meshes have as many
    wraps:  whether any repeats
    """

    texels: Tensor
    levels: Tensor
    wraps: bool

    @classmethod
    def of(cls, meshes: Sequence[Mesh], device: torch.device) -> "Textures":
        """Collect the textures of `meshes` on `device`."""
        texels: list[Tensor] = []
        levels: list[list[tuple[int, int, int, int]]] = []
        first = 0
        for mesh in meshes:
            places = []
            for image in mesh.mipmaps:
                height, width = image.shape[1:]
                places.append((first, height, width, int(mesh.repeats)))
                texels.append(image.flatten(1))
                first += height * width
            levels.append(places)
        longest = max(len(places) for places in levels)
        levels = [places + places[-1:] * (longest - len(places)) for places in levels]
        table = torch.tensor(levels, device=device).movedim(-1, 0).contiguous()
        return cls(torch.cat(texels, 1), table, any(mesh.repeats for mesh in meshes))

    def sample(self, mesh: Tensor, uv: Tensor, level: Tensor) -> Tensor:
        """Return colours [4,H] of `mesh` [H] at `uv` [2,H], bilinear within the two versions
        nearest to `level` [H], 0 being the texture itself."""
        level = level.clamp(0, self.levels.shape[2] - 1)
        lower = level.floor()
        part, lower = level - lower, lower.long()
        at = (part > 0).nonzero().squeeze(1)  # where two versions are blended
        if not len(at):
            return self._bilinear(mesh, uv, lower)
        every = [torch.cat([values, values[..., at]], -1) for values in (mesh, uv, lower)]
        every[2][len(lower) :] += 1
        found: Tensor
        found, coarse = self._bilinear(*every).split([len(lower), len(at)], 1)
        found[:, at] = torch.lerp(found.index_select(1, at), coarse, part[at])
        return found

    def _bilinear(self, mesh: Tensor, uv: Tensor, level: Tensor) -> Tensor:
        table = self.levels.flatten(1).index_select(1, mesh * self.levels.shape[2] + level)
        first, height, width, wrap = table
        x, y = uv[0] * width - 0.5, uv[1] * height - 0.5
        left, top = x.floor(), y.floor()
        column, row = left.long(), top.long()
        if self.wraps:
            columns = [_inside(place, width, wrap > 0) for place in (column, column + 1)]
            rows = [_inside(place, height, wrap > 0) for place in (row, row + 1)]
        else:
            columns = [_held(place, width) for place in (column + 1, column)][::-1]
            rows = [_held(place, height) for place in (row + 1, row)][::-1]
        starts = [torch.addcmul(first, row, width) for row in rows]
        corners = [
            self.texels.index_select(1, start + column) for start in starts for column in columns
        ]
        across = x - left
        upper = torch.lerp(corners[0], corners[1], across)
        lower = torch.lerp(corners[2], corners[3], across)
        return torch.lerp(upper, lower, y - top)


def _held(place: Tensor, side: Tensor) -> Tensor:
    return torch.minimum(place.clamp_(min=0), side - 1)


def _inside(place: Tensor, side: Tensor, wrap: Tensor) -> Tensor:
    return torch.where(wrap, torch.remainder(place, side), _held(place.clone(), side))
