"""What a family of networks that find objects is."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ..errors import InputError
from ..models.families import find_family
from ..models.family import Family
from ..models.model import Model
from .labels import Labels
from .objects import Objects


class Decode(Protocol):
    """Reads outputs of images of `size` as objects; see `rtdetr_pose.decode.decode`."""

    def __call__(
        self,
        outputs: Mapping[str, Tensor],
        size: tuple[int, int],
        *,
        intrinsics: Tensor | None,
        threshold: float,
        most: int,
        classes: Collection[int],
    ) -> Objects: ...


@dataclass(frozen=True)
class About:
    """What has to be known of a network to feed it and to read what it gives.

    labels: names of what it finds
    most:   objects that it finds in an image
    step:   after how many steps of its training it was stored
    """

    labels: Labels
    most: int
    step: int


@dataclass(frozen=True, kw_only=True)
class ObjectFamily(Family):
    """A family of networks that find objects in whole frames, stretched to their input.

    about:  model -> what it is like. Raises `ModelError` for a file that does not fit the family
    decode: how its outputs are read
    """

    task: str = "objects"
    about: Callable[[Model], About]
    decode: Decode


def object_family(model: Model) -> ObjectFamily:
    """Return the family of a network that finds objects. Raises `InputError` for another model."""
    family = find_family(model.entry.family)
    if not isinstance(family, ObjectFamily):
        raise InputError(
            f"engine: {model.name} finds no objects; choose a checkpoint in Load RT-DETR Checkpoint"
        )
    return family
