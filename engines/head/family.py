"""What a family of face and head networks is: how it is fed and what is read from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..detections.candidates import Candidates
from ..errors import InputError
from ..geometry.placement import Size
from ..models.families import find_family
from ..models.family import Family
from ..models.model import Model, Option


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
class HeadCandidates(Candidates):
    """What a network takes for heads in F frames: N places per frame. Boxes are those of faces.

    rotation:    [F,N,3,3], see `Heads`
    translation: [F,N,3] cm, see `Heads`
    """

    rotation: Tensor
    translation: Tensor

    def differences(self, mine: Tensor, other: Candidates, theirs: Tensor) -> list[Tensor]:
        """Return the differences of the rotations, and of the translations relative to them."""
        assert isinstance(other, HeadCandidates)
        (f, p), (g, q) = mine.unbind(1), theirs.unbind(1)
        turned = (self.rotation[f, p] - other.rotation[g, q]).norm(dim=(1, 2))
        here, there = self.translation[f, p], other.translation[g, q]
        return [turned, (here - there).norm(dim=1) / there.norm(dim=1).clamp(min=1e-6)]


@dataclass(frozen=True, kw_only=True)
class HeadFinder:
    """The head of a network that finds heads with their poses in whole, letterboxed frames.

    decode:  outputs, height and width of the input, options of the model, least score ->
             candidates in px of the input, in the axes of its camera
    focal:   height and width of the input -> focal length in px that its poses assume
    overlap: candidates whose boxes overlap by a larger IoU are one head
    """

    decode: Callable[[Mapping[str, Tensor], Size, Mapping[str, Option], float], HeadCandidates]
    focal: Callable[[Size], float]
    overlap: float


@dataclass(frozen=True, kw_only=True)
class HeadRotation:
    """The head of a network that finds how a head in an upright square crop is turned.

    size:   px of the crop
    side:   cm, how much of a face the crop shows
    decode: outputs for [N] crops -> rotations [N,3,3] relative to the viewing ray, see
            `angles.relative_to_ray`
    """

    size: int
    side: float
    decode: Callable[[Mapping[str, Tensor]], Tensor]


Head = FaceDetector | FaceMesh | HeadFinder | HeadRotation


@dataclass(frozen=True, kw_only=True)
class HeadFamily(Family):
    """A family of networks for faces and heads.

    head: how its networks are fed and read
    """

    task: str = "head"
    head: Head


def face_mesh(model: Model) -> FaceMesh:
    """Return the head of a model that finds the points of faces.

    Raises `InputError` for another one.
    """
    head = head_of(model)
    if not isinstance(head, FaceMesh):
        raise InputError(
            f"engine: {model.name} does not find the points of faces; choose mediapipe_face in "
            "Load Head Model"
        )
    return head


def face_detector(model: Model) -> FaceDetector:
    """Return the head of a model that finds faces. Raises `InputError` for another one."""
    head = head_of(model, "detector")
    if not isinstance(head, FaceDetector):
        raise InputError(
            f"detector: {model.name} does not find faces in frames; choose "
            "mediapipe_face_detector in Load Head Model"
        )
    return head


def head_of(model: Model, name: str = "engine") -> Head:
    """Return how a model for faces and heads is fed and read.

    Raises `InputError`, which calls the input `name`, for another one.
    """
    family = find_family(model.entry.family)
    if not isinstance(family, HeadFamily):
        raise InputError(
            f"{name}: {model.name} is not a model for heads; choose one in Load Head Model"
        )
    return family.head
