"""Gaps in what is known of successive frames, filled from both ends."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .spaces import VECTORS, Space


@dataclass(frozen=True)
class Gaps:
    """Short gaps of values [F,...].

    within: [F,...] bool: what is unknown and can be filled
    first:  [F,...] int64, the frame in which each value was last known
    last:   [F,...] int64, the frame in which each value is known next
    """

    within: Tensor
    first: Tensor
    last: Tensor

    @classmethod
    def find(cls, known: Tensor, limit: int) -> "Gaps":
        """Find the gaps of at most `limit` frames in `known` [F,...] bool."""
        frames = len(known)
        shape = (frames, *[1] * (known.ndim - 1))
        frame = torch.arange(frames, device=known.device).view(shape).expand(known.shape)
        before = torch.where(known, frame, -1).cummax(0).values
        after = torch.where(known, frame, frames).flip(0).cummin(0).values.flip(0)
        within = ~known & (before >= 0) & (after < frames) & (after - before - 1 <= limit)
        return cls(within, before.clamp(min=0), after.clamp(max=max(0, frames - 1)))

    def where(self, mask: Tensor) -> "Gaps":
        """Return the gaps that are to be filled where `mask` [F,...] is true, too."""
        return replace(self, within=self.within & mask)

    def filled(self, values: Tensor, space: Space = VECTORS) -> Tensor:
        """Return values [F,...,D] with the gaps filled by even steps from end to end."""
        first, last = self._ends(values)
        frame = torch.arange(len(values), device=values.device)
        frame = frame.view(-1, *[1] * (self.first.ndim - 1))
        part = (frame - self.first) / (self.last - self.first).clamp(min=1)
        mixed = space.move(first, space.difference(first, last) * part[..., None])
        return torch.where(self.within[..., None], mixed, values)

    def filled_with_lower(self, values: Tensor) -> Tensor:
        """Return values [F,...] with the gaps filled by the lower one of both ends."""
        return torch.where(self.within, torch.minimum(*self._ends(values)), values)

    def _ends(self, values: Tensor) -> tuple[Tensor, Tensor]:
        more = values.ndim - self.first.ndim

        def at(frame: Tensor) -> Tensor:
            return values.gather(0, frame.view(*frame.shape, *[1] * more).expand(values.shape))

        return at(self.first), at(self.last)


def filled_throughout(values: Tensor, known: Tensor) -> Tensor:
    """Return values [F,...,D] with every one that is not `known` [F,...] filled.

    By even steps between two that are, by the nearest at the ends, by 0 where none is known.
    """
    if not len(values):
        return values
    between = Gaps.find(known, len(known)).filled(values)
    first = known.int().argmax(0)
    last = len(known) - 1 - known.flip(0).int().argmax(0)
    frame = torch.arange(len(known), device=known.device).view(-1, *[1] * first.ndim)
    nearest = torch.minimum(torch.maximum(frame, first), last)
    index = nearest[..., None].expand(values.shape)
    return torch.where(known.any(0)[..., None], between.gather(0, index), 0)
