"""What a family of shapes is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Shape:
    """Outlines of layers; a file of this folder defines a family as `SHAPE`.

    name:  unique
    share: of all shapes, relative to the other families
    make:  from the numbers of shapes [S] int64, points [2,Q,Q] in -1..1 and somewhat beyond, and a
           seed, makes the signed distances [S,Q,Q] to the outline, positive inside; within 1 or so
           of the middle. Shape i depends on number i and the seed alone. Distances may be
           approximate, their sign is what counts, and their slope at the outline, about 1.
    """

    name: str
    share: float
    make: Callable[[Tensor, Tensor, int], Tensor]
