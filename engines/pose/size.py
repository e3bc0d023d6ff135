"""The size of the network's input, chosen by how tall the people of a clip are."""

import torch
from torch import Tensor

from ..detections.detect import recommended_size
from ..geometry.boxes import coverage, sides
from ..runtime.engine import Engine
from .family import OneStage, whole_frame
from .one_stage import poses_in_frames

_LOOKS = 4  # frames that are looked at
_INSIDE = 0.5  # part of a box that lies in another one of the same person
_TYPICAL = 0.25  # quantile of the heights: small people are the first to be missed


def detection_size(frames: Tensor, engine: Engine) -> int:
    """Return the longer side of the input for `frames` [F,H,W,3] 0..1.

    If the head of the network says how tall people should be (`SizeSearch`), a few frames are
    looked at twice: in the smallest size, which finds people who fill the frame, and in the
    largest, which finds the others. If nobody is found, the size is the largest. All other networks
    get the recommended size.
    """
    search = _search(engine)
    if search is None:
        return recommended_size(engine)
    head, sizes, height = search
    looks = frames[looked_at(len(frames))]
    few, many = (
        poses_in_frames(looks, engine, head, size=size, exact=False, most=head.most)
        for size in (sizes[0], sizes[-1])
    )
    inside = coverage(many.boxes[:, :, None], few.boxes[:, None]) > _INSIDE
    again = (inside & few.present[:, None]).any(2)
    boxes = torch.cat([few.boxes[few.present], many.boxes[many.present & ~again]]).float()
    if not len(boxes):
        return sizes[-1]
    heights = sides(boxes).amax(1)
    wanted = height * max(frames.shape[1:3]) / max(float(heights.quantile(_TYPICAL)), 1.0)
    return min(sizes, key=lambda size: abs(size - wanted))


def chooses_by_frames(engine: Engine) -> bool:
    """Return whether `detection_size` looks at the frames for this engine."""
    return _search(engine) is not None


def looked_at(frames: int) -> list[int]:
    """Return which of `frames` frames `detection_size` looks at, ascending."""
    indices: list[int] = torch.linspace(0, frames - 1, _LOOKS).round().long().unique().tolist()
    return indices


def _search(engine: Engine) -> tuple[OneStage, list[int], float] | None:
    """Return the head, the sizes to choose from and the height that people should have.

    None if the size does not depend on the frames.
    """
    head = whole_frame(engine.model)
    if not isinstance(head, OneStage) or head.size is None or engine.network.fixed is not None:
        return None
    low, high = engine.sizes
    sizes = [size for size in head.size.sizes if low <= size <= high]
    return (head, sizes, head.size.height) if sizes else None
