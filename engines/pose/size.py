"""How large the network's input must be for the people of a clip."""

import torch
from torch import Tensor

from ..geometry.boxes import coverage, sides
from ..runtime.engine import Engine

# MoveNet on the ten annotated frames of the shipped clip (`kinograph eval pose`), by the height of
# people in its input: 73 px OKS 0.70, 87 px 0.82, 102 px 0.92, 117 px 0.93, 146 px 0.94. Below 100
# people are missed, above little is won for the time.
_HEIGHT = 102  # px that people should have in the input
_SIZES = (256, 320, 384, 448, 512)  # close-ups to long shots
_LOOKS = 4  # frames that are looked at


def chooses_by_frames(engine: Engine) -> bool:
    """Return whether `detection_size` looks at frames: for MoveNet alone."""
    return engine.network.fixed is None and engine.model.entry.family == "movenet"


def looked_at(count: int) -> list[int]:
    """Return which frames of a clip of `count` frames `detection_size` looks at, in order."""
    indices: list[int] = torch.linspace(0, count - 1, _LOOKS).round().long().unique().tolist()
    return indices


def detection_size(frames: Tensor, engine: Engine) -> int:
    """Longer side of the input for `frames` [F,H,W,3] 0..1, by how large the people in them are.

    A few frames are looked at twice: in a small size, which finds those who fill the frame, and in
    the largest, which finds the others. Where nobody is found the largest is taken. Networks that
    take one size, and those that are not MoveNet, are given what they were trained with.
    """
    from .detect import detect_poses

    recommended = engine.model.entry.recommended_size
    if engine.network.fixed is not None:
        return recommended
    low, high = engine.sizes
    sizes = [size for size in _SIZES if low <= size <= high]
    if not chooses_by_frames(engine) or not sizes:
        stride = engine.network.stride
        return min(max(-(-low // stride), recommended // stride), high // stride) * stride
    looks = frames[looked_at(len(frames))]
    large = detect_poses(looks, engine, size=sizes[0])
    small = detect_poses(looks, engine, size=sizes[-1])
    part_of = coverage(small.boxes[:, :, None], large.boxes[:, None]) > 0.5  # [F,P,Q]
    new = small.present & ~(part_of & large.present[:, None]).any(2)
    boxes = torch.cat([large.boxes[large.present], small.boxes[new]]).float()
    if not len(boxes):
        return sizes[-1]
    heights = sides(boxes).amax(1)
    typical = float(heights.quantile(0.25))  # the small ones are the ones to lose
    wanted = _HEIGHT * max(frames.shape[1:3]) / max(typical, 1.0)
    return min(sizes, key=lambda size: abs(size - wanted))
