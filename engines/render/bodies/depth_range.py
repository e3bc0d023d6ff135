"""Which distances are white and black in depth pictures of bodies."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...sequence import state_type
from ..choices import DEPTH_RANGES

_FARTHEST_SEEN = 0.1  # grey; the background is black
_NARROWEST = 0.02  # of the nearness of white, that grey extends over
_FALL = 0.05  # of the way to what is seen, by which a range that is too wide shrinks per frame


@state_type()
@dataclass(frozen=True)
class DepthState:
    """What carries over from chunk to chunk: the greatest and the least nearness that a steady
    range reaches to, 1/m; 0 at the start."""

    most: float = 0.0
    least: float = 0.0


@dataclass(frozen=True)
class DepthRange:
    """What is white and what is black in depth pictures; grey is even in nearness, which is 1 /
    distance, as in the pictures that ControlNet and VACE were trained with.

    how:      steady: as frame, but a range that becomes too wide shrinks slowly, by 5 % per frame,
              so that nothing flickers. frame: what is nearest in each frame is white. clip: what is
              nearest in all frames. The farthest surface that is seen is a dark grey (0.1), apart
              from the background. fixed: `nearest` and `farthest`
    nearest:  m, white with fixed
    farthest: m, black with fixed

    Raises `InputError` for an unknown way and for distances that are not in order.
    """

    how: str = "steady"
    nearest: float = 1.0
    farthest: float = 10.0

    def __post_init__(self) -> None:
        if self.how not in DEPTH_RANGES:
            raise InputError(
                f"depth_range: expected one of {', '.join(DEPTH_RANGES)}, found {self.how[:40]!r}"
            )
        if self.how == "fixed" and not 0 < self.nearest < self.farthest < math.inf:
            raise InputError(
                "nearest, farthest: expected distances in m, the nearest first and above 0, found "
                f"{self.nearest:g} and {self.farthest:g}"
            )

    def ends(self, seen: Tensor, state: DepthState | None) -> tuple[Tensor, DepthState]:
        """Return the nearness of white and of black [F,2] 1/m of each frame, and the state.

        seen:  [F,2] 1/m: the greatest and the least nearness in each frame; NaN: nobody
        state: of the chunk before; not allowed with clip

        Raises `InputError` for clip with a state.
        """
        if self.how == "clip" and state is not None:
            raise InputError(
                "depth_range: clip needs the whole clip at once, as somebody may come nearer in a "
                "later chunk, but a state of the chunk before is connected; choose steady, frame "
                "or fixed, or disconnect state"
            )
        state = state or DepthState()
        if self.how == "fixed":
            ends = seen.new_tensor([1 / self.nearest, 1 / self.farthest]).expand(len(seen), 2)
            return ends, state
        if self.how == "clip":
            there = seen[seen.isfinite().all(1)]
            if len(there):
                whole = torch.stack([there[:, 0].amax(), there[:, 1].amin()])
                seen = whole.expand(len(seen), 2)
        elif self.how == "steady":
            seen, state = _held(seen, state)
        most, least = seen.nan_to_num(1.0).unbind(1)
        span = torch.maximum(most - least, most * _NARROWEST) / (1 - _FARTHEST_SEEN)
        return torch.stack([most, (most - span).clamp(min=0)], 1), state


def _held(seen: Tensor, state: DepthState) -> tuple[Tensor, DepthState]:
    """Return what a range that grows at once and shrinks slowly reaches to in each frame.

    One after the other, as numbers: in parallel the last bit would depend on where a chunk begins.
    """
    most, least = state.most, state.least
    held = []
    for near, far in seen.tolist():
        if not math.isnan(near):
            first = not most
            most = near if first else max(near, most + (near - most) * _FALL)
            least = far if first else min(far, least + (far - least) * _FALL)
        held.append((most, least) if most else (math.nan, math.nan))
    return seen.new_tensor(held).view(-1, 2), DepthState(most, least)
