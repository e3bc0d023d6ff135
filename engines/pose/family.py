"""What a pose family is: how its networks are fed, and how people are read from their outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from torch import Tensor

from ..detections.candidates import Candidates
from ..detections.family import BoxHead, DetectionFamily, WholeFrame
from ..errors import InputError, ModelError
from ..geometry.placement import Placement
from ..geometry.views import View
from ..models.families import find_family
from ..models.family import Family
from ..models.model import Model
from ..models.registry import registry
from .skeletons import Skeleton

Some = TypeVar("Some", bound="PoseCandidates")


@dataclass(frozen=True, kw_only=True)
class PoseCandidates(Candidates):
    """What a network takes for people in F frames: N places per frame, K joints.

    keypoints:  [F,N,K,2] x, y in pixels, of the network's input or of the frame
    confidence: [F,N,K] 0..1
    """

    keypoints: Tensor
    confidence: Tensor

    def from_letterbox(self: Some, letterbox: Placement) -> Some:
        """Return the candidates, given in pixels of the input, in pixels of the frames."""
        found = super().from_letterbox(letterbox)
        return replace(found, keypoints=letterbox.back(self.keypoints))

    def from_view(self: Some, view: View) -> Some:
        """Return the candidates, given in pixels of a view, in pixels of the frames."""
        return replace(super().from_view(view), keypoints=view.back(self.keypoints))

    def seen(self: Some, threshold: float) -> Some:
        """Return the candidates with the confidence of joints below `threshold` set to 0."""
        return replace(self, confidence=self.confidence * (self.confidence >= threshold))

    def differences(self, mine: Tensor, other: Candidates, theirs: Tensor) -> list[Tensor]:
        """Return the mean distance of the joints relative to the box's diagonal, and the mean
        difference of their confidences."""
        assert isinstance(other, PoseCandidates)
        (f, p), (g, q) = mine.unbind(1), theirs.unbind(1)
        boxes = self.boxes[f, p].float()
        diagonal = (boxes[:, 2:] - boxes[:, :2]).norm(dim=1).clamp(min=1)
        joints = (self.keypoints[f, p] - other.keypoints[g, q]).norm(dim=2).mean(1) / diagonal
        seen = (self.confidence[f, p] - other.confidence[g, q]).abs().mean(1)
        return [joints, seen]


@dataclass(frozen=True)
class SizeSearch:
    """How the size of the input is chosen by how tall people are, see `detection_size`.

    height: pixels that people should be tall in the network's input
    sizes:  longer sides of the input to choose from, ascending
    larger: longer sides for people who are small in large frames, ascending
    """

    height: float
    sizes: tuple[int, ...]
    larger: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OneStage(WholeFrame):
    """The head of a network that finds all people of a whole frame with their joints.

    size: how the size of the input is chosen when the user gives none; None: the recommended one
    """

    skeleton: Skeleton
    decode: Callable[[Mapping[str, Tensor], int, float], PoseCandidates]
    size: SizeSearch | None = None


@dataclass(frozen=True, kw_only=True)
class TopDown:
    """The head of a network that finds the joints of one person in a crop of a frame.

    Height and width of the crops are those that the network is fixed to.

    decode:  outputs for [N] crops -> keypoints [N,K,2] in pixels of the crop, confidence [N,K]
    padding: factor by which a crop is larger than the person's box
    """

    skeleton: Skeleton
    decode: Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]]
    padding: float = 1.25


@dataclass(frozen=True, kw_only=True)
class HandPoints:
    """The head of a network that finds the points of one hand in a square crop.

    The 21 points are in the order of `skeletons`: the wrist, then each finger from its root to its
    tip, thumb first. Crops show the hand with its fingers upwards.

    size:   px of the crop
    decode: outputs for [N] crops -> points [N,21,2] px of the crop, score [N] 0..1 of there being a
            hand
    """

    size: int
    decode: Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class HandFamily(Family):
    """A family of networks for hands.

    head: how its networks are fed and read
    """

    task: str = "hand"
    head: HandPoints


@dataclass(frozen=True, kw_only=True)
class PoseFamily(Family):
    """A family of pose networks.

    head: how its networks are fed and read
    """

    task: str = "pose"
    head: OneStage | TopDown


def head_of(model: Model) -> OneStage | TopDown | BoxHead:
    """Return how `model` finds people. Raises `ModelError` for a model that does not."""
    return _head(model.name, model.entry.family)


def _head(model: str, name: str) -> OneStage | TopDown | BoxHead:
    family = find_family(name)
    if not isinstance(family, PoseFamily | DetectionFamily):
        raise ModelError(f"model {model}: expected a pose model, found family {name!r}")
    return family.head


def hand_points(model: Model) -> HandPoints:
    """Return the head of a model that finds the points of hands.

    Raises `InputError` for another one.
    """
    family = find_family(model.entry.family)
    if not isinstance(family, HandFamily):
        raise InputError(
            f"hand_engine: {model.name} does not find the points of hands; choose mediapipe_hand "
            "in Load Hand Model, or connect nothing"
        )
    return family.head


def whole_frame(model: Model) -> OneStage | BoxHead:
    """Return the head of a model that sees whole frames. Raises `InputError` for another one."""
    head = head_of(model)
    if isinstance(head, TopDown):
        raise InputError(
            f"engine: {model.name} is a top-down model, which looks at one person at a time; find "
            "the people with another model and use Detect Poses in Boxes"
        )
    return head


def one_stage(model: Model) -> OneStage:
    """Return the head of a model that finds people with their joints in whole frames.

    Raises `InputError` for another one.
    """
    head = whole_frame(model)
    if not isinstance(head, OneStage):
        raise InputError(
            f"engine: {model.name} finds boxes without joints; find the joints in them with Detect "
            "Poses in Boxes, or choose another model"
        )
    return head


def top_down(model: Model) -> TopDown:
    """Return the head of a model that sees one person. Raises `InputError` for another one."""
    head = head_of(model)
    if not isinstance(head, TopDown):
        raise InputError(
            f"engine: {model.name} sees whole frames; use Detect Poses, or choose a top-down model "
            f"({', '.join(models_with(TopDown))})"
        )
    return head


def models_with(kind: type[OneStage] | type[TopDown] | type[BoxHead]) -> list[str]:
    """Return the names of the registry's pose models whose heads are of a kind, in its order."""
    return [
        entry.name
        for entry in registry().values()
        if entry.task == "pose" and isinstance(_head(entry.name, entry.family), kind)
    ]
