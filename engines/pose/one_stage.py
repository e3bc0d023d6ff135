"""From frames to `Poses` in one pass of a network that sees whole frames."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..detections.detect import Looks, candidates_in, decoded
from ..geometry.placement import Placement
from ..runtime.engine import Engine
from .family import OneStage, PoseCandidates
from .poses import Poses


def poses_in_frames(
    frames: Tensor,
    engine: Engine,
    head: OneStage,
    *,
    looks: Looks,
    exact: bool,
    score_threshold: float = 0.2,
    keypoint_threshold: float = 0.3,
    most: int = 6,
    refine: Callable[[Tensor, Poses, Tensor], Poses] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Poses:
    """Find the people in `frames` [F,H,W,3] 0..1, in batches, on the engine's device.

    looks:  how the network looks at each
    exact:  whether all pixels lie in 0..1, see `check_frames`
    most:   most people per frame, the most confident first
    refine: frames of a batch, their poses, the quarter turns [F,P] in which each was found ->
            better poses

    The thresholds and `progress` are those of `detect_poses`.
    """
    canvas = (frames.shape[1], frames.shape[2])
    chunks = []
    batches = candidates_in(frames, engine, head, looks=looks, above=score_threshold, exact=exact)
    for here, found in batches:
        assert isinstance(found, PoseCandidates)
        poses, turns = _selected(found, head, canvas, most, score_threshold, keypoint_threshold)
        chunks.append(poses if refine is None else refine(here, poses, turns))
        if progress is not None:
            progress(len(here))
    return Poses.cat(chunks)


def from_outputs(
    head: OneStage,
    outputs: Mapping[str, Tensor],
    letterbox: Placement,
    frames: int,
    *,
    most: int,
    score_threshold: float,
    keypoint_threshold: float,
) -> Poses:
    """Return a network's outputs for letterboxed frames as poses in pixels of the frames."""
    found = decoded(head, outputs, letterbox, frames, score_threshold)
    assert isinstance(found, PoseCandidates)
    return _selected(found, head, letterbox.source, most, score_threshold, keypoint_threshold)[0]


@torch.inference_mode()
def _selected(
    found: PoseCandidates,
    head: OneStage,
    canvas: tuple[int, int],
    most: int,
    score_threshold: float,
    keypoint_threshold: float,
) -> tuple[Poses, Tensor]:
    """Return the best candidates, given in pixels of the canvas, as poses, and the quarter turns
    [F,P] in which each was found."""
    best, count = found.seen(keypoint_threshold).within(canvas).best(most, above=score_threshold)
    poses = Poses(
        keypoints=best.keypoints,
        confidence=best.confidence,
        boxes=best.boxes,
        scores=best.scores,
        track_ids=torch.full_like(best.scores, -1, dtype=torch.int64),
        count=count,
        canvas=canvas,
        skeleton=head.skeleton.name,
    )
    return poses, torch.zeros_like(poses.track_ids) if best.turns is None else best.turns
