"""From frames to `Poses`, with any network that sees whole frames."""

from collections.abc import Callable

from torch import Tensor

from ..checks import check_frames
from ..detections.detect import Looks, detect
from ..detections.family import BoxHead
from ..errors import InputError
from ..runtime.engine import Engine
from .family import whole_frame
from .one_stage import poses_in_frames
from .poses import Poses
from .second_pass import refined_in_crops
from .size import looks_for


def detect_poses(
    frames: Tensor,
    engine: Engine,
    *,
    size: int = 0,
    score_threshold: float = 0.2,
    keypoint_threshold: float = 0.3,
    max_people: int = 6,
    second_pass: bool = False,
    tiles: int = 0,
    turned: str = "no",
    looks: Looks | None = None,
    progress: Callable[[int], None] | None = None,
) -> Poses:
    """Find the people in `frames` [F,H,W,3] 0..1, in batches, on the engine's device.

    size:               longer side of the network's input; 0 = chosen, see `looks_for`; a network
                        that takes a fixed size takes that
    score_threshold:    people with at most this score are dropped
    keypoint_threshold: joints below it get confidence 0, that is, count as not seen
    max_people:         most people per frame, best first; the network's limit applies to
                        each view of a frame
    second_pass:        find the joints again in crops around people, see `refined_in_crops`
    tiles:              how many tiles along the longer side of the frames are looked at besides the
                        whole; 1 = none; 0 = chosen, see `looks_for`
    turned:             whether frames are also looked at in other turns, see `TURNED`
    looks:              in place of size, tiles and turned, what `looks_for` chose before
    progress:           called with the number of frames done since the last call

    Returns poses in pixels of the frames, on the engine's device; those of a network that finds
    boxes alone have no joints that are seen. Raises `InputError` for frames that are not RGB in
    0..1, for thresholds outside 0..1 and for a top-down network.
    """
    exact = check_frames("image", frames)
    check_thresholds(score_threshold, keypoint_threshold)
    if max_people < 1:
        raise InputError(f"max_people: expected at least 1, found {max_people}")
    head = whole_frame(engine.model)
    if looks is None:
        looks = looks_for(frames, engine, size=size, tiles=tiles, turned=turned, most=max_people)
    if isinstance(head, BoxHead):
        boxes = detect(
            frames,
            engine,
            head,
            looks=looks,
            score_threshold=score_threshold,
            most=max_people,
            progress=progress,
        )
        return Poses.from_detections(boxes)

    def refine(here: Tensor, poses: Poses, turns: Tensor) -> Poses:
        return refined_in_crops(
            here, poses, engine, keypoint_threshold=keypoint_threshold, turns=turns
        )

    return poses_in_frames(
        frames,
        engine,
        head,
        looks=looks,
        exact=exact,
        score_threshold=score_threshold,
        keypoint_threshold=keypoint_threshold,
        most=min(max_people, head.most * len(looks.views((frames.shape[1], frames.shape[2])))),
        refine=refine if second_pass else None,
        progress=progress,
    )


def check_thresholds(score_threshold: float, keypoint_threshold: float) -> None:
    """Raise `InputError` unless both lie in 0..1."""
    named = (("score_threshold", score_threshold), ("keypoint_threshold", keypoint_threshold))
    for name, value in named:
        if not 0 <= value <= 1:
            raise InputError(f"{name}: expected 0..1, found {value}")
