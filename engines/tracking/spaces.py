"""What values are, for filters and gaps that work on any: vectors, and rotations."""

from typing import Protocol

import torch
from torch import Tensor

from ..geometry import rotations


class Space(Protocol):
    """Values [...,D] that can be subtracted and mixed."""

    tangent: int | None  # length of a difference; None: that of the value

    def difference(self, start: Tensor, end: Tensor) -> Tensor:
        """Return the way [...,T] from `start` to `end`."""
        ...

    def move(self, start: Tensor, way: Tensor) -> Tensor:
        """Return the values [...,D] that lie a difference [...,T] from `start`."""
        ...

    def mix(self, start: Tensor, end: Tensor, part: Tensor) -> Tensor:
        """Return the values `part` [...,1] of the way from `start` to `end`; 1 gives `end`."""
        ...


class _Vectors:
    """Points, lengths, confidences: straight lines."""

    tangent: int | None = None

    def difference(self, start: Tensor, end: Tensor) -> Tensor:
        return end - start

    def move(self, start: Tensor, way: Tensor) -> Tensor:
        return start + way

    def mix(self, start: Tensor, end: Tensor, part: Tensor) -> Tensor:
        return part * end + (1 - part) * start


class _Rotations:
    """Unit quaternions [...,4]: great circles on SO(3), where q and -q are equal."""

    tangent: int | None = 3

    def difference(self, start: Tensor, end: Tensor) -> Tensor:
        return rotations.between(start, end)

    def move(self, start: Tensor, way: Tensor) -> Tensor:
        return rotations.product(start, rotations.exp_map(way))

    def mix(self, start: Tensor, end: Tensor, part: Tensor) -> Tensor:
        return torch.where(part >= 1, end, rotations.slerp(start, end, part))


VECTORS: Space = _Vectors()
ROTATIONS: Space = _Rotations()
