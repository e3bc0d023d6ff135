"""What a family of face and head networks is: how it is fed and what is read from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..detections.candidates import Candidates
from ..errors import InputError, ModelError
from ..models.families import find_family
from ..models.family import Family
from ..models.model import Model


@dataclass(frozen=True, kw_only=True)
class FaceCandidates(Candidates):
    """What a detector takes for faces in F frames: N places per frame.

    points: [F,N,K,2] x, y px; the first two are the eyes, the one at the left of an upright face
            first
    """

    points: Tensor


@dataclass(frozen=True, kw_only=True)
class FaceDetector:
    """The head of a network that finds faces in square pictures of one size.

    size:    px
    decode:  outputs, least score -> candidates in px of the input, overlapping ones merged
    reach:   side of a face's region, in longer sides of its box
    """

    size: int
    decode: Callable[[Mapping[str, Tensor], float], FaceCandidates]
    reach: float


@dataclass(frozen=True, kw_only=True)
class FaceMesh:
    """The head of a network that finds the points of one face in a square crop.

    size:   px of the crop
    points: how many points it finds; their order is that of the canonical face
    eyes:   numbers of the outer corners of the eyes, the one at the left of an upright face first
    decode: outputs for [N] crops -> points [N,K,3] px of the crop (depth grows away from the
            camera), score [N] 0..1
    reach:  side of a face's region, in longer sides of the box around its points
    """

    size: int
    points: int
    eyes: tuple[int, int]
    decode: Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]]
    reach: float


@dataclass(frozen=True, kw_only=True)
class HeadFamily(Family):
    """A family of networks for faces and heads.

    head: how its networks are fed and read
    """

    task: str = "head"
    head: FaceDetector | FaceMesh


def face_mesh(model: Model) -> FaceMesh:
    """Return the head of a model that finds the points of faces.

    Raises `InputError` for another one.
    """
    head = _head(model)
    if not isinstance(head, FaceMesh):
        raise InputError(
            f"engine: {model.name} does not find the points of faces; choose mediapipe_face in "
            "Load Head Model"
        )
    return head


def face_detector(model: Model) -> FaceDetector:
    """Return the head of a model that finds faces. Raises `InputError` for another one."""
    head = _head(model)
    if not isinstance(head, FaceDetector):
        raise InputError(
            f"detector: {model.name} does not find faces in frames; choose "
            "mediapipe_face_detector in Load Head Model"
        )
    return head


def _head(model: Model) -> FaceDetector | FaceMesh:
    family = find_family(model.entry.family)
    if not isinstance(family, HeadFamily):
        raise ModelError(
            f"model {model.name}: expected a head model, found family {model.entry.family!r}"
        )
    return family.head
