"""Attributes of the surface at the samples: interpolated from the corners of triangles."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .columns import columns
from .instances import Instances
from .light import Light
from .raster import Hits, Raster
from .soup import Soup
from .texture import Textures

_LEVEL_OF_NONE = -100.0
_SHARPER = 0.5  # levels: the blur that blending two versions adds


@dataclass(frozen=True)
class Surface:
    """What the vertices and triangles of a soup look like.

    normals:  [3,V]
    uv:       [2,V], or None where nothing has a texture
    colours:  [3,V], or None where no vertex has a colour
    texels:   [T] log2 of how many texels a triangle covers
    textures: of every part, or None where nothing has a texture
    colour:   [4,parts] of the whole
    tint:     [3,instances], or None
    shade:    [4,instances], or None; of those without one the first value is negative
    """

    soup: Soup
    normals: Tensor
    uv: Tensor | None
    colours: Tensor | None
    texels: Tensor | None
    textures: Textures | None
    colour: Tensor
    tint: Tensor | None
    shade: Tensor | None

    @classmethod
    def of(cls, parts: Sequence[Instances], soup: Soup) -> "Surface":
        """Collect what the triangles of `parts` look like; of occluders nothing."""
        device = soup.view.device
        meshes = [part.mesh for part in parts]
        uv = colours = texels = textures = None
        if any(mesh.texture is not None for mesh in meshes):
            uv = _vertices(parts, [mesh.uv for mesh in meshes], 0.0, 2)
            texels = torch.cat([_texels(part) for part in parts])
            textures = Textures.of(meshes, device)
        if any(mesh.colours is not None for mesh in meshes):
            colours = _vertices(parts, [mesh.colours for mesh in meshes], 1.0, 3)
        return cls(
            soup=soup,
            normals=_vertices(parts, [part.normals for part in parts], 0.0, 3),
            uv=uv,
            colours=colours,
            texels=texels,
            textures=textures,
            colour=torch.tensor([mesh.colour for mesh in meshes], device=device).T.contiguous(),
            tint=_instances(parts, [part.tint for part in parts], 1.0),
            shade=_instances(parts, [part.shade for part in parts], -1.0),
        )

    def normals_at(self, hits: Hits, raster: Raster) -> Tensor:
        """Return unit normals [3,H] in the axes of the camera, on the side that is seen."""
        (normals,) = self._interpolated(hits, self.normals)
        if raster.two_sided:
            turned = raster.turned.index_select(0, hits.triangle)
            normals = torch.where(turned, -normals, normals)
        length = (normals * normals).sum(0).clamp_(min=1e-24)
        return normals.mul_(length.rsqrt_())

    def light_at(self, hits: Hits, normals: Tensor, light: Light) -> Tensor:
        """Return the factors [3,H] of colours there, where the unit normals are [3,H]."""
        if self.shade is None:
            return light.on(normals)
        instance = self.soup.instance.index_select(0, hits.source)
        ambient, slopes = columns(self.shade, instance).split([1, 3])
        own = (ambient + (slopes * normals).sum(0, keepdim=True)).clamp_(min=0)
        return torch.where(ambient < 0, light.on(normals), own)

    def colours_at(self, hits: Hits, raster: Raster) -> Tensor:
        """Return red, green, blue, alpha [4,H] without light, colours multiplied by alpha."""
        part = self.soup.part.index_select(0, hits.source)
        colour = columns(self.colour, part)
        colour[:3] *= colour[3]
        if self.textures is not None and self.texels is not None and self.uv is not None:
            # Samples stand as close as 1 / sqrt(N) px: so much finer may the texture be.
            area = raster.areas.index_select(0, hits.triangle) * raster.samples
            spread = self.texels.index_select(0, hits.source) - torch.log2(area)
            (uv,) = self._interpolated(hits, self.uv)
            colour *= self.textures.sample(part, uv, spread / 2 - _SHARPER)
        if self.colours is not None:
            colour[:3] *= self._interpolated(hits, self.colours)[0]
        if self.tint is not None:
            instance = self.soup.instance.index_select(0, hits.source)
            colour[:3] *= columns(self.tint, instance)
        return colour

    def _interpolated(self, hits: Hits, *tables: Tensor) -> list[Tensor]:
        """Return the values [C,H] there of tables [C,V]."""
        corners = self.soup.triangles.index_select(0, hits.source).T.contiguous()
        found = []
        for table in tables:
            a, b, c = (columns(table, corner) for corner in corners)
            one, two, three = hits.weights
            found.append(a.mul_(one).addcmul_(b, two).addcmul_(c, three))
        return found


def _instances(
    parts: Sequence[Instances], values: Sequence[Tensor | None], fill: float
) -> Tensor | None:
    """Return [C,instances] of values [N,C] or `fill`; None if there are none."""
    width = next((given.shape[1] for given in values if given is not None), 0)
    if not width:
        return None
    rows = [
        part.vertices.new_full((len(part.frame), width), fill) if given is None else given
        for part, given in zip(parts, values, strict=True)
    ]
    return torch.cat(rows).T.contiguous()


def _vertices(
    parts: Sequence[Instances], values: Sequence[Tensor | None], fill: float, width: int
) -> Tensor:
    """Return [C,V] of values [V',C] of a mesh or [N,V',C] of its instances, or `fill`."""
    rows = []
    for part, given in zip(parts, values, strict=True):
        if given is None:
            given = part.vertices.new_full((1, 1, width), fill)
        rows.append(given.expand(*part.vertices.shape[:2], width).flatten(0, 1))
    return torch.cat(rows).T.contiguous()


def _texels(part: Instances) -> Tensor:
    """Return log2 of the texels that each triangle of all instances covers."""
    mesh = part.mesh
    if mesh.texture is None or mesh.uv is None:
        return part.vertices.new_full((len(mesh.triangles) * len(part.frame),), _LEVEL_OF_NONE)
    (a, b, c), (height, width, _) = (
        (mesh.uv[corner] for corner in mesh.triangles.T),
        (mesh.texture.shape),
    )
    one, other = b - a, c - a
    area = (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).abs() / 2 * height * width
    return torch.log2(area.clamp(min=1e-12)).repeat(len(part.frame))
