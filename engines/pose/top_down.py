"""From frames and boxes to `Poses`, with networks that look at one person at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.crops import batches, crop, crop_boxes, from_crops
from ..runtime.engine import Engine
from .detect import check_thresholds
from .family import top_down
from .poses import Poses


def poses_in_boxes(
    frames: Tensor,
    people: Poses,
    engine: Engine,
    *,
    keypoint_threshold: float = 0.3,
    progress: Callable[[int], None] | None = None,
) -> Poses:
    """Find the joints of everybody in `people` in crops of `frames` [F,H,W,3] 0..1.

    The crops of all people of as many frames as make a batch go through the network at once.

    people:             people whose boxes, scores and tracks are kept
    keypoint_threshold: joints below it get confidence 0, that is, count as not seen
    progress:           called with the number of frames done since the last call

    Returns poses with the skeleton of the engine's model, on its device. Raises `InputError` for
    frames that are not RGB in 0..1 or not those of `people`, and for a one-stage network.
    """
    check_frames("image", frames)
    check_thresholds(0, keypoint_threshold)
    head = top_down(engine.model)
    if len(people) != len(frames) or people.canvas != tuple(frames.shape[1:3]):
        height, width = people.canvas
        raise InputError(
            f"people: found in {len(people)} frames of {width}x{height}, but image holds "
            f"{len(frames)} of {frames.shape[2]}x{frames.shape[1]}; connect the same frames"
        )
    size = engine.network.fixed
    assert size is not None, "a top-down network takes one size"
    people = people.to(engine.device)
    frame, place = people.present.nonzero(as_tuple=True)
    boxes = crop_boxes(people.boxes[frame, place].float(), size, head.padding)
    joints = len(head.skeleton)
    keypoints = torch.zeros(*people.scores.shape, joints, 2, device=engine.device)
    confidence = torch.zeros(*people.scores.shape, joints, device=engine.device)
    done = 0
    with torch.inference_mode():
        for part in batches(len(frame), engine.batch_for(*size), engine.device):
            used, index = frame[part].unique(return_inverse=True)
            here = frames[used.to(frames.device)].to(engine.device, torch.float32)
            images = crop(here, index, boxes[part], size).clamp(0, 1)
            points, sure = head.decode(engine.infer(images))
            keypoints[frame[part], place[part]] = from_crops(points, boxes[part], size)
            confidence[frame[part], place[part]] = sure * (sure >= keypoint_threshold)
            if progress is not None:
                last = int(used[-1])
                progress(last - done)
                done = last
    if progress is not None:
        progress(len(frames) - done)
    return Poses(
        keypoints=keypoints,
        confidence=confidence,
        boxes=people.boxes,
        scores=people.scores,
        track_ids=people.track_ids,
        count=people.count,
        canvas=people.canvas,
        skeleton=head.skeleton.name,
    )
