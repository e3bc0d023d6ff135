"""From frames to `Poses`: networks that see whole frames."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..families import one_stage
from ..geometry.boxes import clipped, corners, from_corners
from ..geometry.placement import Placement
from ..runtime.engine import Engine
from .family import Candidates, OneStage, without_doubles
from .poses import Poses
from .second_pass import refined_in_crops
from .size import detection_size


def detect_poses(
    frames: Tensor,
    engine: Engine,
    *,
    size: int = 0,
    score_threshold: float = 0.2,
    keypoint_threshold: float = 0.3,
    max_people: int = 6,
    second_pass: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Poses:
    """Find the people in `frames` [F,H,W,3] 0..1, in batches, on the engine's device.

    size:               longer side of the network's input; 0 = by how large people are (see
                        `detection_size`); a network that takes one size only takes that
    score_threshold:    people below it are dropped
    keypoint_threshold: joints below it get confidence 0, that is, count as not seen
    max_people:         most people a frame, the surest first; a network's own limit also holds
    second_pass:        find the joints once more in crops round people: `refined_in_crops`
    progress:           called with the number of frames done since the last call

    Returns poses in pixels of the frames, on the engine's device. Raises `InputError` for frames
    that are not RGB in 0..1, for thresholds outside 0..1 and for a top-down network.
    """
    exact = check_frames("image", frames)
    check_thresholds(score_threshold, keypoint_threshold)
    if max_people < 1:
        raise InputError(f"max_people: expected at least 1, found {max_people}")
    family = one_stage(engine.model)
    size = size or detection_size(frames, engine)
    letterbox = letterbox_for(engine, (frames.shape[1], frames.shape[2]), size)
    people = min(max_people, engine.network.max_people)
    chunks = []
    for chunk in frames.split(engine.batch_for(*letterbox.target)):
        here = chunk.to(engine.device, torch.float32)
        images = letterbox.apply(here, fill=family.fill)
        images = images if exact else images.clamp(0, 1)  # averages stay within
        poses = from_outputs(
            family,
            engine.infer(images),
            letterbox,
            len(chunk),
            people,
            score_threshold,
            keypoint_threshold,
        )
        if second_pass:
            poses = refined_in_crops(here, poses, engine, keypoint_threshold=keypoint_threshold)
        chunks.append(poses)
        if progress is not None:
            progress(chunk.shape[0])
    return Poses.cat(chunks)


def check_thresholds(score_threshold: float, keypoint_threshold: float) -> None:
    """Raise `InputError` unless both lie in 0..1."""
    named = (("score_threshold", score_threshold), ("keypoint_threshold", keypoint_threshold))
    for name, value in named:
        if not 0 <= value <= 1:
            raise InputError(f"{name}: expected 0..1, found {value}")


def letterbox_for(engine: Engine, source: tuple[int, int], size: int) -> Placement:
    """How frames of `source` (height, width) are brought into the engine's input."""
    if engine.network.fixed is not None:
        return Placement.inside(source, engine.network.fixed)
    engine.check_size(size)
    return Placement.longer_side(source, size, stride=engine.network.stride)


def from_outputs(
    family: OneStage,
    outputs: Mapping[str, Tensor],
    letterbox: Placement,
    frames: int,
    people: int,
    score_threshold: float,
    keypoint_threshold: float,
) -> Poses:
    """What a network said about letterboxed frames, as poses in pixels of the frames."""
    with torch.inference_mode():
        found = family.decode(outputs, frames, score_threshold)
        if family.overlap < 1:
            found = without_doubles(found, above=score_threshold, overlap=family.overlap)
        placed = Candidates(
            keypoints=letterbox.back(found.keypoints),
            confidence=found.confidence,
            boxes=from_corners(letterbox.back(corners(found.boxes))),
            scores=found.scores,
        )
        return select(
            placed,
            canvas=letterbox.source,
            people=people,
            score_threshold=score_threshold,
            keypoint_threshold=keypoint_threshold,
            skeleton=family.skeleton.name,
        )


def select(
    found: Candidates,
    *,
    canvas: tuple[int, int],
    people: int,
    score_threshold: float,
    keypoint_threshold: float,
    skeleton: str,
) -> Poses:
    """The `people` best of each frame above the threshold, surest first, the rest zero.

    found: in pixels of the canvas
    """
    scores, boxes = found.scores, found.boxes
    ranked, order = scores.sort(dim=1, descending=True, stable=True)
    ranked, order = ranked[:, :people], order[:, :people]
    keep = ranked > score_threshold  # [F,N], true ones first
    frame = torch.arange(scores.shape[0], device=scores.device)[:, None]
    confidence = found.confidence[frame, order]

    def placed(values: Tensor) -> Tensor:  # [F,N,...] -> [F,people,...]
        kept = keep.view(*keep.shape, *[1] * (values.ndim - 2))
        values = torch.where(kept, values, 0)  # what is left over may be NaN
        more = values.new_zeros(values.shape[0], people - values.shape[1], *values.shape[2:])
        return torch.cat([values, more], 1)

    return Poses(
        keypoints=placed(found.keypoints[frame, order]),
        confidence=placed(confidence * (confidence >= keypoint_threshold)),
        boxes=placed(clipped(boxes[frame, order], canvas)),
        scores=placed(ranked),
        track_ids=torch.full((len(scores), people), -1, dtype=torch.int64, device=scores.device),
        count=keep.sum(1),
        canvas=canvas,
        skeleton=skeleton,
    )
