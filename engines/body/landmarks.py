"""From frames and people to the points of their bodies, in the picture and in metres."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

import torch
from torch import Tensor

from ..checks import check_frames, check_shape
from ..errors import InputError
from ..geometry import boxes as box
from ..geometry.crops import batches
from ..geometry.turned_crops import Regions, crop_turned
from ..padded import Padded
from ..pose.poses import Poses
from ..pose.skeletons import SKELETONS
from ..runtime.engine import Engine
from .family import BodyLandmarks, CropLandmarks, body_landmarks
from .proportions import ODD, Proportions

FRAMES = 16
"""How many frames are looked at together: a body depends in its last bits on those beside it."""

_SIDES = ("left", "right")
_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")

# Mean distances from the people's joints, in longer sides of the box. In the shipped clip right
# points are 0.02 apart, and wrong ones 0.08 to 0.3.
_DOUBT = 0.05  # look again
_WRONG = 0.12  # give up
# Where it looks again: sides of squares in longer sides of the box, and whether they are turned
# with the torso; 0 = around the points that it found.
_AGAIN = ((1.1, True), (1.0, False), (0.0, False))


@dataclass(frozen=True)
class BodyPoints(Padded):
    """The points of bodies in F frames, P places per frame, padded with a count.

    points:     [F,P,K,2] x, y px of the canvas
    world:      [F,P,K,3] m from the middle of the hips, in the axes of the camera: x to the right,
                y up, z towards the camera
    visibility: [F,P,K] 0..1
    boxes:      [F,P,4] x0, y0, x1, y1 px, of the people that they were looked for in
    scores:     [F,P] 0..1, of the people
    track_ids:  [F,P] int64, -1 = no track
    count:      [F] int64, how many places of the frame hold a body
    canvas:     height and width in px of the frames that the coordinates refer to
    names:      of the K points

    Raises `InputError` when shapes, devices or dtypes do not fit together.
    """

    points: Tensor
    world: Tensor
    visibility: Tensor
    boxes: Tensor
    scores: Tensor
    track_ids: Tensor
    count: Tensor
    canvas: tuple[int, int]
    names: tuple[str, ...]

    _EMPTY = MappingProxyType({"track_ids": -1})

    def __post_init__(self) -> None:
        names = len(self.names)
        check_shape("BodyPoints.points", self.points, ("frames", "bodies", names, 2))
        frames, bodies = self.points.shape[:2]
        check_shape("BodyPoints.world", self.world, (frames, bodies, names, 3))
        check_shape("BodyPoints.visibility", self.visibility, (frames, bodies, names))
        self._check_together("points")

    @classmethod
    def of(cls, people: Poses, names: tuple[str, ...]) -> "BodyPoints":
        """Return the bodies of `people` with all points at 0, not seen."""
        shape = (*people.scores.shape, len(names))
        return cls(
            points=torch.zeros(*shape, 2, device=people.device),
            world=torch.zeros(*shape, 3, device=people.device),
            visibility=torch.zeros(shape, device=people.device),
            boxes=people.boxes,
            scores=people.scores,
            track_ids=people.track_ids,
            count=people.count,
            canvas=people.canvas,
            names=names,
        )

    @classmethod
    def cat(cls, chunks: "list[BodyPoints]") -> "BodyPoints":
        """Return successive chunks as one. Raises `InputError` for other canvases or points."""
        first = chunks[0]
        if any((c.canvas, c.names) != (first.canvas, first.names) for c in chunks):
            raise InputError("BodyPoints.cat: the chunks differ in canvas or points")
        return first if len(chunks) == 1 else first._joined(chunks)


def points_of_bodies(
    frames: Tensor,
    people: Poses,
    engine: Engine,
    *,
    score_threshold: float = 0.5,
    progress: Callable[[int], None] | None = None,
) -> BodyPoints:
    """Find the points of the bodies of `people` in `frames` [F,H,W,3] 0..1, in batches.

    people:          in the same frames; boxes, scores and tracks are kept
    score_threshold: the points of a body with a lower score count as not seen
    progress:        called with the number of frames done since the last call

    The network looks at a square around each box. In single frames it takes left for right, or
    sees limbs of impossible lengths, and is as sure as ever; so its points are compared with the
    people's joints, and the lengths of bones with each other, and it looks again, at other regions,
    where they do not agree. The points of a body that agree in no region count as not seen.

    Returns points on the engine's device; the people are in their places. Raises `InputError` for
    frames that are not RGB in 0..1 or not those of `people`, and `ModelError` for an engine of
    another task.
    """
    check_frames("image", frames)
    head = body_landmarks(engine.model)
    check_people(frames, people)
    if not 0 <= score_threshold <= 1:
        raise InputError(f"score_threshold: expected 0..1, found {score_threshold}")
    chunks = []
    for start in range(0, len(frames), FRAMES):
        with torch.inference_mode():
            here = frames[start : start + FRAMES].to(engine.device, torch.float32)
            known = people.slice(start, start + len(here)).to(engine.device)
            chunk = BodyPoints.of(known, head.points)
            at = chunk.present.nonzero(as_tuple=True)
            joints = _Joints.of(known, at, head.points)
            regions, found = _agreeing(here, at[0], joints, engine, head)
            points = regions.back(found.points, head.size)
            right = (found.scores > score_threshold) & (joints.apart(points) <= _WRONG)
            right &= Proportions.of(found.world, head.points).odd <= ODD
            chunks.append(
                replace(
                    chunk,
                    points=_put(chunk.points, at, points),
                    world=_put(chunk.world, at, in_camera(found.world, regions.angle)),
                    visibility=_put(chunk.visibility, at, found.visibility * right[:, None]),
                )
            )
        if progress is not None:
            progress(len(here))
    return BodyPoints.cat(chunks)


def check_people(frames: Tensor, people: Poses) -> None:
    """Raise `InputError` unless `people` are those of `frames` [F,H,W,3]."""
    people.need_people("poses")
    people.need_frames("poses", frames)


@dataclass(frozen=True)
class _Joints:
    """What is known of N people before their bodies are looked for.

    boxes:  [N,4] px
    joints: [N,J,2] px, those of arms and legs
    seen:   [N,J] 0 or 1
    number: [J] which of the network's points each joint is
    torso:  [N] rad, by which the torso is turned clockwise; 0 where it is not seen
    """

    boxes: Tensor
    joints: Tensor
    seen: Tensor
    number: Tensor
    torso: Tensor

    @classmethod
    def of(cls, people: Poses, at: tuple[Tensor, ...], points: tuple[str, ...]) -> "_Joints":
        """Return those of the people `at` frames and places."""
        body = people.as_coco().body()
        names = SKELETONS[body.skeleton].joints
        limbs = [name for name in points if name in names and name.endswith(_LIMBS)]
        column = torch.tensor([names.index(name) for name in limbs], device=people.device)
        joints = body.keypoints[at][:, column].float()
        seen = (body.confidence[at][:, column] > 0).float()
        ends = [[limbs.index(f"{side}_{end}") for side in _SIDES] for end in ("hip", "shoulder")]
        hips, shoulders = (joints[:, numbers].mean(1) for numbers in ends)
        whole = torch.cat([seen[:, numbers] for numbers in ends], 1).amin(1) > 0
        x, y = (shoulders - hips).unbind(-1)
        torso = torch.where(whole, torch.atan2(x, -y), 0.0)
        number = torch.tensor([points.index(name) for name in limbs], device=people.device)
        return cls(people.boxes[at].float(), joints, seen, number, torso)

    def at(self, index: Tensor) -> "_Joints":
        return _Joints(
            self.boxes[index], self.joints[index], self.seen[index], self.number, self.torso[index]
        )

    def apart(self, points: Tensor) -> Tensor:
        """Return how far [N] points [N,K,2] px lie from the joints that are seen, on average, in
        longer sides of the box; 0 where no joint is seen."""
        distance = (points[:, self.number] - self.joints).norm(dim=-1) * self.seen
        mean: Tensor = distance.sum(1) / self.seen.sum(1).clamp(min=1)
        return mean / box.sides(self.boxes).amax(-1).clamp(min=1)

    def bad(self, regions: Regions, found: CropLandmarks, head: BodyLandmarks) -> Tensor:
        """Return how little [N] what was found in regions can be right; above 1: look again."""
        apart = self.apart(regions.back(found.points, head.size))
        odd = Proportions.of(found.world, head.points).odd
        return torch.maximum(apart / _DOUBT, odd / ODD)


def _agreeing(
    frames: Tensor, frame: Tensor, joints: _Joints, engine: Engine, head: BodyLandmarks
) -> tuple[Regions, CropLandmarks]:
    """Return the regions of N people on the frames [N], and what is found in them."""
    regions = regions_of_boxes(joints.boxes, frame, head.box_reach)
    found = _found(frames, regions, engine, head)
    bad = joints.bad(regions, found, head)
    for reach, turned in _AGAIN:
        doubt = (bad > 1).nonzero()[:, 0]
        if not len(doubt):
            break
        known, before = joints.at(doubt), regions.at(doubt)
        if reach:
            others = regions_of_boxes(known.boxes, before.frame, reach)
            others = replace(others, angle=known.torso * turned)
        else:
            around = before.back(found.around[doubt], head.size)
            others = regions_around(around, before.frame, head.reach)
        second = _found(frames, others, engine, head)
        worse = known.bad(others, second, head)
        chosen = (worse < bad[doubt]).nonzero()[:, 0]
        kept = doubt[chosen]
        bad = bad.index_put((kept,), worse[chosen])
        regions = _updated(regions, kept, others, chosen)
        found = _updated(found, kept, second, chosen)
    return regions, found


def regions_of_boxes(boxes: Tensor, frame: Tensor, reach: float) -> Regions:
    """Return upright squares around boxes [N,4] px on the frames [N].

    reach: side of a square, in longer sides of its box
    """
    side = reach * box.sides(boxes).amax(-1).clamp(min=1)
    return Regions(frame, box.centres(boxes), side, torch.zeros_like(side))


def regions_around(around: Tensor, frame: Tensor, reach: float) -> Regions:
    """Return squares around bodies, turned so that a body stands upright in its square.

    around: [N,2,2] px: the middle of each body, and a point above it on the circle around it
    reach:  side of a square, in radii of the circle
    """
    centre, above = around.unbind(1)
    x, y = (above - centre).unbind(-1)
    side = reach * (above - centre).norm(dim=-1).clamp(min=1)
    return Regions(frame, centre, side, torch.atan2(x, -y))


def in_camera(world: Tensor, angle: Tensor) -> Tensor:
    """Return points [N,K,3] m of turned crops, y down and z away, in the axes of the camera.

    angle: [N] rad, by which the crops are turned clockwise
    """
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    x, y, z = world.unbind(-1)
    return torch.stack([x * cos - y * sin, -(x * sin + y * cos), -z], -1)


def _found(frames: Tensor, regions: Regions, engine: Engine, head: BodyLandmarks) -> CropLandmarks:
    """Return what the network finds in regions of frames."""
    size = (frames.shape[1], frames.shape[2])
    found = []
    for part in batches(len(regions), engine.batch_for(head.size, head.size), frames.device):
        here = regions.at(part)
        crops = crop_turned(frames, here, head.size, fill=head.beyond, averaged=head.averaged)
        found.append(head.decode(engine.infer(crops.clamp(0, 1), **head.further(here, size))))
    if not found:
        points = frames.new_zeros(0, len(head.points), 3)
        return CropLandmarks(
            points[..., :2], points[:, :2, :2], points, points[..., 0], points[:, 0, 0]
        )
    joined = zip(*(vars(part).values() for part in found), strict=True)
    return CropLandmarks(*(torch.cat(values) for values in joined))


_Rows = TypeVar("_Rows", Regions, CropLandmarks)


def _updated(rows: _Rows, at: Tensor, others: _Rows, chosen: Tensor) -> _Rows:
    """Return `rows` with those `at` [M] replaced by those of `others` at `chosen` [M]."""
    new = vars(others)
    return replace(
        rows, **{name: old.index_put((at,), new[name][chosen]) for name, old in vars(rows).items()}
    )


def _put(into: Tensor, at: tuple[Tensor, ...], values: Tensor) -> Tensor:
    return into.index_put(at, values.to(into.dtype))
