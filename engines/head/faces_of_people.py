"""The 68 points of the faces of people whose poses are known."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..pose.poses import Poses
from ..runtime.engine import Engine
from .detect import detect_heads
from .landmarks_68 import landmarks_68
from .regions import regions_of_people


@dataclass(frozen=True)
class Faces:
    """What was found at the faces of poses.

    points:     [F,P,68,2] px, see `landmarks_68`
    confidence: [F,P,68] 0..1; 0 where no face was found, and for points beyond the frame
    looked:     how many people were looked at: those of whom two of nose, eyes and ears are seen
    found:      how many faces were found
    """

    points: Tensor
    confidence: Tensor
    looked: int
    found: int


def faces_of_people(
    frames: Tensor,
    poses: Poses,
    engine: Engine,
    *,
    score_threshold: float = 0.5,
    progress: Callable[[int], None] | None = None,
) -> Faces:
    """Find the faces of the people in `poses` in `frames` [F,H,W,3] 0..1, in batches.

    engine:          of a network that finds the points of a face
    score_threshold: faces with at most this score are dropped, such as the backs of heads
    progress:        called with the number of frames done since the last call

    Returns faces on the engine's device. Raises as `detect_heads` does, and for animals.
    """
    poses.need_people("poses")
    poses = poses.to(engine.device)
    people = poses.scores.shape[1]
    # Heads come in an order of their own: the tracks say whose they are.
    places = torch.arange(people, device=poses.device).expand(len(poses), -1)
    heads = detect_heads(
        frames,
        engine,
        poses=replace(poses, track_ids=places.contiguous()),
        score_threshold=score_threshold,
        max_heads=max(1, people),
        progress=progress,
    )
    frame, at = heads.present.nonzero(as_tuple=True)
    place = heads.track_ids[frame, at]
    found = landmarks_68(heads.landmarks[frame, at])[..., :2]
    points = found.new_zeros(*poses.scores.shape, *found.shape[1:])
    confidence = points.new_zeros(points.shape[:-1])
    points[frame, place] = found
    seen = poses.in_canvas(found)
    confidence[frame, place] = heads.scores[frame, at, None] * seen
    return Faces(
        points=points,
        confidence=confidence,
        looked=len(regions_of_people(poses.as_coco().body())[0]),
        found=len(frame),
    )
