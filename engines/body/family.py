"""What a family of networks for bodies is: how it is fed and what is read from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..errors import InputError, ModelError
from ..models.families import find_family
from ..models.family import Family
from ..models.model import Model


@dataclass(frozen=True)
class CropLandmarks:
    """What a network finds in N crops.

    points:     [N,K,2] x, y px of the crop
    around:     [N,2,2] px: the middle of the body, and a point on the circle around it
    world:      [N,K,3] m from the middle of the hips: x to the right and y down in the crop, z away
                from the camera
    visibility: [N,K] 0..1, whether a point is seen
    scores:     [N] 0..1, whether there is a body
    """

    points: Tensor
    around: Tensor
    world: Tensor
    visibility: Tensor
    scores: Tensor


@dataclass(frozen=True, kw_only=True)
class BodyLandmarks:
    """The head of a network that finds the points of one body in a square crop, also in metres.

    size:      px of the crop
    points:    names of the points, in their order
    decode:    outputs for N crops -> what they hold
    beyond:    grey level of what lies beyond the edges of a frame, 0..1
    box_reach: side of a body's region, in longer sides of its box
    reach:     side of a body's region, in radii of the circle around it
    """

    size: int
    points: tuple[str, ...]
    decode: Callable[[Mapping[str, Tensor]], CropLandmarks]
    beyond: float
    box_reach: float
    reach: float


@dataclass(frozen=True, kw_only=True)
class BodyFamily(Family):
    """A family of networks for bodies.

    head: how its networks are fed and read
    """

    task: str = "body"
    head: BodyLandmarks


def body_landmarks(model: Model) -> BodyLandmarks:
    """Return the head of a model that finds the points of bodies.

    Raises `ModelError` for a model of another task.
    """
    family = find_family(model.entry.family)
    if not isinstance(family, BodyFamily):
        raise ModelError(
            f"model {model.name}: expected a body model, found family {model.entry.family!r}"
        )
    if not isinstance(family.head, BodyLandmarks):
        raise InputError(f"engine: {model.name} does not find the points of bodies")
    return family.head
