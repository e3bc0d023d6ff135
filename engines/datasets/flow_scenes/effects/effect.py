"""What an effect is that cameras and files have on frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...seeded import normal, uniform
from ..beside import beside


@dataclass(frozen=True)
class Chosen:
    """P pairs that an effect changes.

    index:  [P] int64, their numbers, on the CPU
    motion: [P,2,2,H,W] px from each pixel of both frames to the other one, as from the first to
            the second
    noise:  [2,3,B,B], see `Bank`
    stream: the effect's own
    """

    index: Tensor
    motion: Tensor
    noise: Tensor
    seed: int
    stream: int

    def uniform(self, *shape: int) -> Tensor:
        """Return numbers [P,*shape] in 0..1 beside the frames; each call returns the same."""
        return self._beside(uniform(self.seed, self.index, _count(shape), self.stream + 1), shape)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers [P,*shape], likewise."""
        return self._beside(normal(self.seed, self.index, _count(shape), self.stream + 2), shape)

    def _beside(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        return beside(values.view(-1, *shape), self.motion.device)


@dataclass(frozen=True)
class Effect:
    """What happens to the frames of some pairs; a file of this folder defines one as `EFFECT`.

    name:   unique
    order:  place among the effects, as in a camera: light before noise before compression
    share:  of pairs that it changes
    stream: of its random numbers, which uses this one and the next two; unique, see `seeded`
    apply:  makes [P,2,3,H,W] of frames [P,2,3,H,W], around 0..1
    """

    name: str
    order: int
    share: float
    stream: int
    apply: Callable[[Tensor, Chosen], Tensor]


def _count(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())
