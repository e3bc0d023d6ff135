"""From frames to `Poses`."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..runtime.engine import Engine
from . import movenet
from .letterbox import Letterbox
from .poses import Poses


def detect_poses(
    frames: Tensor,
    engine: Engine,
    *,
    size: int = 0,
    score_threshold: float = 0.2,
    keypoint_threshold: float = 0.3,
    max_people: int = movenet.MAX_PEOPLE,
    progress: Callable[[int], None] | None = None,
) -> Poses:
    """Find the people in `frames` [F,H,W,3] 0..1, in batches, on the engine's device.

    size:               longer side of the network's input; 0 = the model's recommendation
    score_threshold:    people below it are dropped
    keypoint_threshold: joints below it get confidence 0, that is, count as not seen
    max_people:         most people a frame, the surest first; a network's own limit also holds
    progress:           called with the number of frames done since the last call

    Returns poses in pixels of the frames, on the engine's device. Raises `InputError` for frames
    that are not RGB in 0..1 and for thresholds outside 0..1.
    """
    check_frames("image", frames)
    for name, value in (
        ("score_threshold", score_threshold),
        ("keypoint_threshold", keypoint_threshold),
    ):
        if not 0 <= value <= 1:
            raise InputError(f"{name}: expected 0..1, found {value}")
    if max_people < 1:
        raise InputError(f"max_people: expected at least 1, found {max_people}")
    size = size or engine.model.entry.recommended_size
    engine.check_size(size)
    canvas = (frames.shape[1], frames.shape[2])
    letterbox = Letterbox.fit(canvas, size, stride=engine.network.stride)
    people = min(max_people, engine.network.max_people)
    chunks = []
    for chunk in frames.split(engine.batch_for(*letterbox.target)):
        images = letterbox.apply(chunk.to(engine.device, torch.float32)).clamp(0, 1)
        heads = engine.infer(images)
        chunks.append(from_heads(heads, letterbox, people, score_threshold, keypoint_threshold))
        if progress is not None:
            progress(chunk.shape[0])
    return Poses.cat(chunks)


def from_heads(
    heads: Mapping[str, Tensor],
    letterbox: Letterbox,
    people: int,
    score_threshold: float,
    keypoint_threshold: float,
) -> Poses:
    """What a network said about letterboxed frames, as poses in pixels of the frames."""
    with torch.inference_mode():
        keypoints, confidence, boxes, scores = movenet.decode(heads, above=score_threshold)
        return select(
            keypoints=letterbox.back(keypoints),
            confidence=confidence,
            boxes=letterbox.back(boxes.unflatten(2, (2, 2))).flatten(2),
            scores=scores,
            canvas=letterbox.source,
            people=people,
            score_threshold=score_threshold,
            keypoint_threshold=keypoint_threshold,
            skeleton=movenet.SKELETON.name,
        )


def select(
    *,
    keypoints: Tensor,
    confidence: Tensor,
    boxes: Tensor,
    scores: Tensor,
    canvas: tuple[int, int],
    people: int,
    score_threshold: float,
    keypoint_threshold: float,
    skeleton: str,
) -> Poses:
    """The `people` best of each frame above the threshold, surest first, the rest zero."""
    ranked, order = scores.sort(dim=1, descending=True, stable=True)
    ranked, order = ranked[:, :people], order[:, :people]
    keep = ranked > score_threshold  # [F,N], true ones first
    frame = torch.arange(scores.shape[0], device=scores.device)[:, None]
    confidence = confidence[frame, order]
    height, width = canvas
    limit = boxes.new_tensor([width, height, width, height])

    def placed(values: Tensor) -> Tensor:  # [F,N,...] -> [F,people,...]
        values = values * keep.view(*keep.shape, *[1] * (values.ndim - 2))
        more = values.new_zeros(values.shape[0], people - values.shape[1], *values.shape[2:])
        return torch.cat([values, more], 1)

    return Poses(
        keypoints=placed(keypoints[frame, order]),
        confidence=placed(confidence * (confidence >= keypoint_threshold)),
        boxes=placed(torch.minimum(boxes[frame, order].clamp(min=0), limit)),
        scores=placed(ranked),
        track_ids=torch.full((len(scores), people), -1, dtype=torch.int64, device=scores.device),
        count=keep.sum(1),
        canvas=canvas,
        skeleton=skeleton,
    )
