"""From frames and boxes to `Poses`, with networks that look at one person at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..checks import check_frames
from ..detections.candidates import TURNED_COUNTS
from ..errors import InputError
from ..geometry.crops import batches, crop, crop_boxes, from_crops
from ..geometry.placement import Size
from ..geometry.views import turned_back
from ..runtime.engine import Engine
from .choices import TURNED
from .detect import check_thresholds
from .family import top_down
from .poses import Poses


def poses_in_boxes(
    frames: Tensor,
    people: Poses,
    engine: Engine,
    *,
    keypoint_threshold: float = 0.3,
    turned: str = "no",
    progress: Callable[[int], None] | None = None,
) -> Poses:
    """Find the joints of everybody in `people` in crops of `frames` [F,H,W,3] 0..1.

    The crops of all people of as many frames as make a batch go through the network at once.

    people:             people whose boxes, scores and tracks are kept
    keypoint_threshold: joints below it get confidence 0, that is, count as not seen
    turned:             whether crops are also looked at in other turns, see `TURNED`; of each
                        person the best is taken, a turned one only if it is much better
    progress:           called with the number of frames done since the last call

    Returns poses with the skeleton of the engine's model, on its device. Raises `InputError` for
    frames that are not RGB in 0..1 or not those of `people`, and for a one-stage network.
    """
    check_frames("image", frames)
    check_thresholds(0, keypoint_threshold)
    if turned not in TURNED:
        raise InputError(f"turned: expected one of {', '.join(TURNED)}, found {turned!r}")
    head = top_down(engine.model)
    people.need_frames("people", frames)
    size = engine.network.fixed
    assert size is not None, "a top-down network takes one size"
    turns = TURNED[turned]
    people = people.to(engine.device)
    frame, place = people.present.nonzero(as_tuple=True)
    boxes = people.boxes[frame, place].float()
    joints = len(head.skeleton)
    keypoints = torch.zeros(*people.scores.shape, joints, 2, device=engine.device)
    confidence = torch.zeros(*people.scores.shape, joints, device=engine.device)
    done = 0
    with torch.inference_mode():
        for part in batches(len(frame), engine.batch_for(*size), engine.device):
            used, index = frame[part].unique(return_inverse=True)
            here = frames[used.to(frames.device)].to(engine.device, torch.float32)
            looks = [_look(here, index, boxes[part], engine, size, turn) for turn in turns]
            means = [
                seen.mean(1) * (TURNED_COUNTS if turn else 1)
                for (_, seen), turn in zip(looks, turns, strict=True)
            ]
            best = torch.stack(means).argmax(0)  # [N]
            row = torch.arange(len(best), device=best.device)
            points = torch.stack([points for points, _ in looks])[best, row]
            sure = torch.stack([sure for _, sure in looks])[best, row]
            keypoints[frame[part], place[part]] = points
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


def _look(
    frames: Tensor, index: Tensor, boxes: Tensor, engine: Engine, size: Size, turn: int
) -> tuple[Tensor, Tensor]:
    """Return the joints [N,K,2] px and their confidence [N,K] of the people in boxes [N,4] px.

    index: [N] the frame of each
    size:  height and width of the network's input
    turn:  quarter turns counter-clockwise by which the crops are turned
    """
    head = top_down(engine.model)
    upright = size[::-1] if turn % 2 else size
    boxes = crop_boxes(boxes, upright, head.padding)
    images = crop(frames, index, boxes, upright).clamp(0, 1).rot90(turn, (2, 3))
    points, sure = head.decode(engine.infer(images))
    return from_crops(turned_back(points, size, turn), boxes, upright), sure
