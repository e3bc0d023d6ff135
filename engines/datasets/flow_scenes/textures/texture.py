"""What a family of textures is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ...backgrounds import Backgrounds


@dataclass(frozen=True)
class Texture:
    """Pictures that cover layers; a file of this folder defines a family as `TEXTURE`.

    name:  unique
    share: of all textures, relative to the other families
    make:  from the numbers of textures [T] int64, on the device that computes them, the side in px,
           a seed and the photographs at hand, makes [T,3,side,side] in 0..1; texture i depends on
           number i and the seed alone. Textures continue mirrored beyond their edges.
    """

    name: str
    share: float
    make: Callable[[Tensor, int, int, Backgrounds], Tensor]
