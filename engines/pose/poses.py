"""`Poses`: what travels on a KINO_POSES socket."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..checks import check_shape
from ..constants import constant
from ..detections.detections import Detections
from ..errors import InputError
from ..padded import Padded
from ..sequence import state_type
from .skeletons import (
    AP10K_17,
    COCO_17,
    COCO_OF,
    OPENPOSE_OF,
    SKELETONS,
    WHOLE_OF,
    Skeleton,
    order_from,
)


@state_type()
@dataclass(frozen=True)
class Poses(Padded):
    """People in F frames, P places per frame, K joints per person, padded with a count.

    keypoints:  [F,P,K,2] x, y in pixels of the canvas; (0, 0) is the canvas's top left corner
    confidence: [F,P,K] 0..1; 0 = not seen, whatever the keypoint says
    boxes:      [F,P,4] x0, y0, x1, y1 in pixels
    scores:     [F,P] 0..1, descending along P
    track_ids:  [F,P] int64, -1 = no track
    count:      [F] int64, how many places of the frame hold a person
    canvas:     height and width in pixels of the frames that the coordinates refer to
    skeleton:   name of the joint order, one of `SKELETONS`

    Raises `InputError` when shapes, devices or dtypes do not fit together.
    """

    keypoints: Tensor
    confidence: Tensor
    boxes: Tensor
    scores: Tensor
    track_ids: Tensor
    count: Tensor
    canvas: tuple[int, int]
    skeleton: str

    _EMPTY = MappingProxyType({"track_ids": -1})

    def __post_init__(self) -> None:
        if self.skeleton not in SKELETONS:
            raise InputError(
                f"Poses.skeleton: expected one of {', '.join(SKELETONS)}, found {self.skeleton!r}"
            )
        joints = len(SKELETONS[self.skeleton].joints)
        check_shape("Poses.keypoints", self.keypoints, ("frames", "people", joints, 2))
        frames, people = self.keypoints.shape[:2]
        check_shape("Poses.confidence", self.confidence, (frames, people, joints))
        self._check_together("keypoints")

    @classmethod
    def empty(
        cls,
        frames: int,
        canvas: tuple[int, int],
        *,
        people: int = 1,
        skeleton: str = COCO_17.name,
        device: torch.device | str = "cpu",
    ) -> "Poses":
        """Return poses with nobody in any of `frames` frames."""
        joints = len(SKELETONS[skeleton].joints)
        return cls(
            keypoints=torch.zeros(frames, people, joints, 2, device=device),
            confidence=torch.zeros(frames, people, joints, device=device),
            boxes=torch.zeros(frames, people, 4, device=device),
            scores=torch.zeros(frames, people, device=device),
            track_ids=torch.full((frames, people), -1, dtype=torch.int64, device=device),
            count=torch.zeros(frames, dtype=torch.int64, device=device),
            canvas=canvas,
            skeleton=skeleton,
        )

    @classmethod
    def from_detections(cls, found: Detections, *, skeleton: str = COCO_17.name) -> "Poses":
        """Return boxes as people of whom no joint is seen and who have no track."""
        frames, people = found.scores.shape
        poses = cls.empty(
            frames, found.canvas, people=people, skeleton=skeleton, device=found.device
        )
        return replace(poses, boxes=found.boxes, scores=found.scores, count=found.count)

    @classmethod
    def cat(cls, chunks: "Sequence[Poses]") -> "Poses":
        """Return successive chunks as one, with as many places per frame as the widest has.

        Raises `InputError` for chunks that differ in canvas or skeleton.
        """
        first = chunks[0]
        if len(chunks) == 1:
            return first
        if any((c.canvas, c.skeleton) != (first.canvas, first.skeleton) for c in chunks):
            raise InputError("Poses.cat: the chunks differ in canvas or skeleton")
        return first._joined(chunks)

    def as_openpose(self) -> "Poses":
        """Return the same people with OpenPose's body, which has a neck: 18 joints, or 134.

        The neck is the midpoint of the shoulders, seen only if both shoulders are, with the
        lower of their confidences.
        """
        if self.skeleton not in OPENPOSE_OF:
            return self
        coco = SKELETONS[self.skeleton]
        keypoints, confidence = _with_neck(self.keypoints, self.confidence, coco)
        return self._ordered(keypoints, confidence, coco, OPENPOSE_OF[self.skeleton])

    def as_coco(self) -> "Poses":
        """Return the same people with COCO's body, without the neck: 17 joints, or 133."""
        if self.skeleton not in COCO_OF:
            return self
        openpose = SKELETONS[self.skeleton]
        return self._ordered(self.keypoints, self.confidence, openpose, COCO_OF[self.skeleton])

    @property
    def are_animals(self) -> bool:
        return self.skeleton == AP10K_17.name

    def need_people(self, name: str) -> None:
        """Raise `InputError`, which begins with `name`, unless these are poses of people."""
        if self.are_animals:
            raise InputError(f"{name}: expected people, found animals ({self.skeleton})")

    def in_canvas(self, points: Tensor) -> Tensor:
        """Return which points [...,2] px lie on the canvas, [...] bool."""
        height, width = self.canvas
        return ((points >= 0) & (points <= points.new_tensor([width, height]))).all(-1)

    def body(self) -> "Poses":
        """Return the same people without feet, face and hands."""
        whole = SKELETONS[self.skeleton]
        part = whole.parts["body"]
        smaller = next(s for s in SKELETONS.values() if s.joints == whole.joints[part])
        return replace(
            self,
            keypoints=self.keypoints[:, :, part],
            confidence=self.confidence[:, :, part],
            skeleton=smaller.name,
        )

    def whole(self) -> "Poses":
        """Return the same people with places for feet, face and hands, of which nothing is seen
        that was not there: 133 joints, or 134 with OpenPose's body."""
        if self.skeleton not in WHOLE_OF:
            return self
        skeleton = WHOLE_OF[self.skeleton]
        more = len(skeleton) - self.keypoints.shape[2]
        return replace(
            self,
            keypoints=pad(self.keypoints, (0, 0, 0, more)),
            confidence=pad(self.confidence, (0, more)),
            skeleton=skeleton.name,
        )

    def with_part(self, part: str, keypoints: Tensor, confidence: Tensor) -> "Poses":
        """Return the same people with other joints in a part of their skeleton, such as the face.

        keypoints:  [F,P,K,2] px
        confidence: [F,P,K] 0..1; keypoints that are not seen are put at (0, 0)
        """
        place = SKELETONS[self.skeleton].parts[part]
        joints, sure = self.keypoints.clone(), self.confidence.clone()
        seen = (confidence > 0)[..., None]
        joints[:, :, place] = torch.where(seen, keypoints, 0).to(joints)
        sure[:, :, place] = confidence.to(sure)
        return replace(self, keypoints=joints, confidence=sure)

    def _ordered(
        self, keypoints: Tensor, confidence: Tensor, source: Skeleton, target: Skeleton
    ) -> "Poses":
        order = constant(order_from(source, target), torch.int64, self.device)
        return replace(
            self,
            keypoints=keypoints.index_select(2, order),
            confidence=confidence.index_select(2, order),
            skeleton=target.name,
        )


def _with_neck(keypoints: Tensor, confidence: Tensor, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    left, right = (skeleton.joints.index(f"{side}_shoulder") for side in ("left", "right"))
    neck = (keypoints[:, :, left] + keypoints[:, :, right]) / 2
    neck_confidence = torch.minimum(confidence[:, :, left], confidence[:, :, right])
    return (
        torch.cat([keypoints, neck[:, :, None]], dim=2),
        torch.cat([confidence, neck_confidence[:, :, None]], dim=2),
    )
