"""What a family of networks for bodies is: how it is fed and what is read from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..errors import InputError, ModelError
from ..geometry.camera import Camera
from ..geometry.placement import Size
from ..geometry.turned_crops import Regions
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


def no_further(regions: Regions, size: Size) -> Mapping[str, Tensor]:
    """Return no further inputs."""
    return {}


@dataclass(frozen=True, kw_only=True)
class BodyLandmarks:
    """The head of a network that finds the points of one body in a square crop, also in metres.

    size:      px of the crop
    points:    names of the points, in their order
    decode:    outputs for N crops -> what they hold
    beyond:    grey level of what lies beyond the edges of a frame, 0..1
    box_reach: side of a body's region, in longer sides of its box
    reach:     side of a body's region, in radii of the circle around it
    further:   regions, height and width of the frames -> further inputs of the network by name
    averaged:  whether the pixels of a crop are means of those that fall on them
    """

    size: int
    points: tuple[str, ...]
    decode: Callable[[Mapping[str, Tensor]], CropLandmarks]
    beyond: float
    box_reach: float
    reach: float
    further: Callable[[Regions, Size], Mapping[str, Tensor]] = no_further
    averaged: bool = True


@dataclass(frozen=True)
class CropBodies:
    """How the bodies in N crops are posed, as the network sees it: axes x to the right, y down, z
    away from the camera.

    rotation:    [N,24,3,3] of SMPL's joints; that of the first one turns the body into these axes
    shape:       [N,S] coefficients of SMPL's first shapes
    translation: [N,3] m, where the origin of SMPL lies in front of `BodyRegressor.camera`
    confidence:  [N,24] 0..1, of the rotations
    """

    rotation: Tensor
    shape: Tensor
    translation: Tensor
    confidence: Tensor


@dataclass(frozen=True, kw_only=True)
class BodyRegressor:
    """The head of a network that gives the pose of SMPL in one upright square crop.

    size:      px of the crop
    shapes:    how many of SMPL's shapes it gives
    box_reach: side of a body's region, in longer sides of its box
    crops:     regions -> the squares that are cropped for them
    further:   regions, height and width of the frames -> further inputs of the network by name
    decode:    outputs, regions, height and width of the frames -> the bodies
    camera:    height and width of frames -> the camera that poses and places refer to

    Pixels beyond the edges of a frame are black, and crops are sampled without averaging.
    """

    size: int
    shapes: int
    box_reach: float
    crops: Callable[[Regions], Regions]
    further: Callable[[Regions, Size], Mapping[str, Tensor]]
    decode: Callable[[Mapping[str, Tensor], Regions, Size], CropBodies]
    camera: Callable[[Size], Camera]


Head = BodyLandmarks | BodyRegressor


@dataclass(frozen=True, kw_only=True)
class BodyFamily(Family):
    """A family of networks for bodies.

    head: how its networks are fed and read
    """

    task: str = "body"
    head: Head


def body_head(model: Model) -> Head:
    """Return how a model for bodies is fed and read. Raises `ModelError` for another one."""
    family = find_family(model.entry.family)
    if not isinstance(family, BodyFamily):
        raise ModelError(
            f"model {model.name}: expected a body model, found family {model.entry.family!r}"
        )
    return family.head


def body_landmarks(model: Model) -> BodyLandmarks:
    """Return the head of a model that finds the points of bodies.

    Raises `ModelError` for a model of another task, and `InputError` for one that finds none.
    """
    head = body_head(model)
    if not isinstance(head, BodyLandmarks):
        raise InputError(f"engine: {model.name} does not find the points of bodies")
    return head


def body_regressor(model: Model) -> BodyRegressor:
    """Return the head of a model that gives the poses of bodies.

    Raises `ModelError` for a model of another task, and `InputError` for one that gives none.
    """
    head = body_head(model)
    if not isinstance(head, BodyRegressor):
        raise InputError(f"engine: {model.name} does not give the poses of bodies")
    return head
