"""What a family of upscaling networks is."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InputError
from ..models.families import find_family
from ..models.family import Family
from ..models.model import Model

_EXACT = 64  # px; tiles whose borders are cut off further inside are mostly border
_DEEP = 32  # px; from here on seams of deep networks vanish in a blend


@dataclass(frozen=True)
class Traits:
    """What has to be known of a network to feed it and to read what it gives.

    scale:  its outputs are so many times as high and wide as its inputs
    radius: how far from an output pixel an input pixel can be that matters, px of the input; 0 =
            unknown
    white:  the value of white in its outputs
    note:   what else a user should know, "" for nothing
    """

    scale: int
    radius: int = 0
    white: float = 1.0
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether tiles that overlap by `overlap` give the same as the whole frame."""
        return 0 < self.radius <= _EXACT

    @property
    def overlap(self) -> int:
        """Pixels that a tile should see beyond the part of the frame that it gives."""
        return self.radius if self.exact else _DEEP


@dataclass(frozen=True, kw_only=True)
class UpscaleFamily(Family):
    """A family of upscaling networks: images [B,3,H,W] -> "image" [B,3,H*scale,W*scale].

    traits: model -> what it is like. Raises `ModelError` for a file that does not fit the family
    """

    task: str = "upscale"
    traits: Callable[[Model], Traits]


def upscale_family(model: Model) -> UpscaleFamily:
    """Return the family of an upscaling model. Raises `InputError` for another model."""
    family = find_family(model.entry.family)
    if not isinstance(family, UpscaleFamily):
        raise InputError(
            f"engine: {model.name} does not upscale; choose a model in Load Upscale Model"
        )
    return family


def traits_of(model: Model) -> Traits:
    """Return what an upscaling network is like.

    Raises `InputError` for another model, and `ModelError` for a file that does not fit its family.
    """
    return upscale_family(model).traits(model)
