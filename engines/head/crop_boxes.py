"""The boxes that crops of faces show, from the points of faces."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from ..geometry import boxes as box
from ..padded import Padded
from ..pose.poses import Poses
from ..pose.skeletons import SKELETONS
from ..sequence import state_type
from .heads import Heads
from .landmarks_68 import landmarks_68

_FEWEST = 23  # of the 68 points of a face, a third: fewer say too little of where the others lie
_LEAST = 2.0  # px, sides of a box that can be looked at


@state_type()
@dataclass(frozen=True)
class FaceBoxes(Padded):
    """What is to be cropped around the faces in F frames, P places per frame.

    boxes:     [F,P,4] x0, y0, x1, y1 px, within the canvas; zero where no face is seen
    seen:      [F,P] bool, whether enough of the face is seen for a box
    scores:    [F,P] 0..1, of the heads or the people
    track_ids: [F,P] int64, -1 = no track
    count:     [F] int64, how many places of the frame are taken
    canvas:    height and width in px of the frames

    Raises `InputError` when shapes, devices or dtypes do not fit together.
    """

    boxes: Tensor
    seen: Tensor
    scores: Tensor
    track_ids: Tensor
    count: Tensor
    canvas: tuple[int, int]

    _EMPTY = MappingProxyType({"track_ids": -1})

    def __post_init__(self) -> None:
        check_shape("FaceBoxes.boxes", self.boxes, ("frames", "places", 4))
        check_shape("FaceBoxes.seen", self.seen, self.boxes.shape[:2])
        self._check_together("boxes")

    @classmethod
    def cat(cls, chunks: "Sequence[FaceBoxes]") -> "FaceBoxes":
        """Return successive chunks as one, with as many places per frame as the widest has.

        Raises `InputError` for chunks that differ in canvas.
        """
        first = chunks[0]
        if len(chunks) == 1:
            return first
        if any(chunk.canvas != first.canvas for chunk in chunks):
            raise InputError("FaceBoxes.cat: the chunks differ in canvas")
        return first._joined(chunks)


def boxes_of_heads(heads: Heads, area: float) -> FaceBoxes:
    """Return what to crop around heads: their 68 points, or their boxes if they have no points.

    area: of the crop in areas of the box around the points, at least 1
    """
    boxes = heads.boxes
    if heads.landmarks.shape[2]:
        points = landmarks_68(heads.landmarks[..., :2])
        boxes = torch.cat([points.amin(2), points.amax(2)], -1)
    return _face_boxes(heads, heads.track_ids, boxes, heads.present, area)


def boxes_of_poses(poses: Poses, area: float) -> FaceBoxes:
    """Return what to crop around the faces of people, of which a third of the points must be seen.

    area: of the crop in areas of the box around the seen points, at least 1

    Raises `InputError` for animals, and for a skeleton without the points of a face.
    """
    poses.need_people("poses")
    part = SKELETONS[poses.skeleton].parts.get("face")
    if part is None:
        raise InputError(
            f"poses: expected people with the points of their faces, found {poses.skeleton}; put "
            "Add Hands and Face before this node, or connect heads instead"
        )
    points, seen = poses.keypoints[:, :, part], poses.confidence[:, :, part] > 0
    low = torch.where(seen[..., None], points, math.inf).amin(2)
    high = torch.where(seen[..., None], points, -math.inf).amax(2)
    enough = poses.present & (seen.sum(2) >= _FEWEST)
    return _face_boxes(poses, poses.track_ids, torch.cat([low, high], -1), enough, area)


def grown(boxes: Tensor, area: float) -> Tensor:
    """Return boxes [...,4] of `area` times the area, of the same shape, as Wan-Animate crops faces.

    Three quarters of what they grow in height is added above, where brows end and hair begins.
    """
    wide, high = (box.sides(boxes) * (math.sqrt(area) - 1)).unbind(-1)
    return boxes + torch.stack([-wide / 2, -high * 3 / 4, wide / 2, high / 4], -1)


def _face_boxes(
    found: Heads | Poses, track_ids: Tensor, boxes: Tensor, seen: Tensor, area: float
) -> FaceBoxes:
    if not (math.isfinite(area) and area >= 1):
        raise InputError(f"area: expected at least 1, found {area:g}")
    seen = seen & boxes.isfinite().all(-1)
    boxes = torch.where(seen[..., None], boxes, 0)
    inside = box.clipped(grown(boxes, area), found.canvas)
    seen = seen & (box.sides(inside) >= _LEAST).all(-1)
    return FaceBoxes(
        boxes=torch.where(seen[..., None], inside, 0),
        seen=seen,
        scores=found.scores,
        track_ids=track_ids,
        count=found.count,
        canvas=found.canvas,
    )
