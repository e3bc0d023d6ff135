"""From samples to pixels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .raster import Raster
from .spans import pixel_of


@dataclass(frozen=True)
class Pixels:
    """U pixels in which something is seen.

    place: [U] int64 in the flattened pictures
    """

    place: Tensor
    _slot: Tensor
    _samples: int

    @classmethod
    def of(cls, raster: Raster, slot: Tensor) -> "Pixels":
        """Find the pixels of samples `slot` [H]."""
        samples = raster.samples
        seen = torch.zeros(len(raster.pixels), dtype=torch.bool, device=slot.device)
        pixel = pixel_of(slot, samples)
        seen[pixel] = True
        which = seen.nonzero().squeeze(1)
        number = seen.cumsum(0) - 1
        within = number.index_select(0, pixel) * samples + (slot & (samples - 1))
        return cls(raster.pixels[which], within, samples)

    def mean(self, values: Tensor) -> Tensor:
        """Return the means [C,U] over all samples of each pixel of `values` [C,H], which are zero
        where nothing is seen. In a fixed order, so that a frame is the same in every batch."""
        table = values.new_zeros(len(values), len(self.place) * self._samples)
        table.index_copy_(1, self._slot, values)
        mean: Tensor = table.view(len(values), -1, self._samples).mean(2)
        return mean
