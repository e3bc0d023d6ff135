"""What is seen of meshes, layer by layer where they let light through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.camera import Camera
from ...geometry.placement import Size
from .instances import Instances
from .light import Light
from .raster import Hits, Raster
from .soup import Soup
from .surface import Surface

_MOST_LAYERS = 8
_OPAQUE = 0.999


@dataclass(frozen=True)
class Layer:
    """What is seen at H samples, and how much of it.

    hits:   where, and what
    colour: [4,H] red, green, blue, alpha without light, colours multiplied by alpha
    """

    hits: Hits
    colour: Tensor


class Scene:
    """Meshes before a camera, ready to be drawn in pictures of one size."""

    def __init__(
        self, parts: Sequence[Instances], camera: Camera, frames: int, size: Size, samples: int
    ) -> None:
        """Project `parts`, at least one. Raises `InputError` for more triangles than memory
        holds."""
        soup = Soup.of(parts, camera)
        self.raster = Raster(soup, frames, size, samples)
        self.surface = Surface.of(parts, soup)
        self.translucent = any(p.mesh.translucent for p in parts if not p.occluder)

    def light(self, hits: Hits, light: Light) -> Tensor:
        """Return the factors [3,H] of colours there: of the instances' own light, or of `light`."""
        return self.surface.light_at(hits, self.normals(hits), light)

    def normals(self, hits: Hits) -> Tensor:
        """Return the unit normals [3,H] there, in the axes of the camera."""
        return self.surface.normals_at(hits, self.raster)

    def layers(self) -> Iterator[Layer]:
        """Yield what is seen, nearest first, until nothing lets light through or eight layers
        are reached."""
        behind: Tensor | None = None
        for _ in range(_MOST_LAYERS if self.translucent else 1):
            hits = self.raster.nearest(behind)
            colour = self.surface.colours_at(hits, self.raster)
            yield Layer(hits, colour)
            if not self.translucent:
                return
            through = (colour[3] < _OPAQUE).nonzero().squeeze(1)
            if not len(through):
                return
            behind = self.raster.no_keys()
            behind[hits.slot[through]] = hits.key[through]

    def first(self, least: float = 0.5) -> Hits:
        """Return the nearest of what is at least so opaque, in the order of the samples."""
        if not self.translucent:
            return self.raster.nearest()
        found: list[Hits] = []
        taken = torch.zeros_like(self.raster.no_keys(), dtype=torch.bool)
        for layer in self.layers():
            hits = layer.hits
            new = ((layer.colour[3] >= least) & ~taken[hits.slot]).nonzero().squeeze(1)
            found.append(hits.at(new))
            taken[hits.slot[new]] = True
        return Hits.cat(found)
