"""Choose the frames of a clip at another frame rate: whole frames, never blended ones."""

import math
from fractions import Fraction

import torch
from torch import Tensor

from ..errors import InputError

SLOWEST, FASTEST = 0.1, 1000.0  # frames per second


def check_rate(name: str, fps: float) -> None:
    """Raise `InputError` unless `fps` is 0 (not given) or a frame rate."""
    if fps != 0 and not (math.isfinite(fps) and SLOWEST <= fps <= FASTEST):
        raise InputError(
            f"{name}: expected {SLOWEST:g} to {FASTEST:g} frames per second (or 0), found {fps:g}"
        )


class Sampling:
    """Frame k of the new rate is the one on show at the time k / target: floor(k * fps / target).

    Counted from the first frame, so that a frame's choice does not depend on what follows, and in
    fractions, so that it does not drift. VACE chooses by time in the same way
    (`VaceVideoProcessor._get_frameid_bbox_default`: the frame whose interval holds the time).
    """

    def __init__(self, fps: float, target: float):
        # 29.97002997 is meant as 30000/1001
        exact = [Fraction(rate).limit_denominator(10_000) for rate in (fps, target)]
        self._step = exact[0] / exact[1]

    def count(self, frames: int) -> int:
        """Return how many frames of the new rate the first `frames` of the clip give."""
        return math.ceil(frames / self._step)

    def indices(self, start: int, stop: int) -> Tensor:
        """Return the source frames of the new ones from `start` up to but not including `stop`,
        [stop - start] int64."""
        new = torch.arange(start, stop)
        return new * self._step.numerator // self._step.denominator


def spread(frames: int, length: int) -> Tensor:
    """Return frames taken evenly over a whole clip, the first and the last among them, [length]
    int64.

    Times from 0 to the middle of the last frame, (frames - 0.5), and the frame on show at each; at
    the instant of a change the earlier one. Source: `_get_frameid_bbox_adjust_last` of VACE.
    """
    if length == 1:
        return torch.zeros(1, dtype=torch.int64)
    # k * (frames - 1/2) / (length - 1) in whole numbers; ceil - 1 is floor but for whole times
    doubled = torch.arange(length) * (2 * frames - 1)
    earlier = -(-doubled // (2 * (length - 1))) - 1
    return earlier.clamp(min=0)
