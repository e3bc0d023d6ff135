"""Choose the speed that is drawn in full colour."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..flow.speeds import fastest
from ..sequence import state_type
from .choices import NORMALISATIONS

_HOLD = 0.95  # of the last frame's scale, as long as nothing faster comes
_EPSILON = 1e-5  # px; RAFT's flow_viz, which VACE uses, adds it, too
_DIAGONAL = 0.02  # of the picture's diagonal: the fixed scale where none is given


@state_type()
@dataclass(frozen=True)
class ScaleState:
    """What carries over from chunk to chunk: the speed that ema still holds, px; 0 at the start."""

    held: float = 0.0


def flow_scales(
    flow: Tensor,
    normalise: str = "vace",
    *,
    fixed: float = 0.0,
    floor: float = 0.0,
    state: ScaleState | None = None,
) -> tuple[Tensor, ScaleState]:
    """Return the speed [N] px that is drawn in full colour in each of the flows [N,2,H,W], and the
    state for the next chunk.

    normalise: vace: each frame's own fastest pixel, as VACE's annotator; clip: the clip's fastest;
               fixed: `fixed` px (0 = 2 % of the diagonal); ema: as vace, but falling slowly, by 5 %
               per frame, so that still pixels keep their colour when something fast leaves
    floor:     px; no scale is less, so that the noise of a still picture stays pale
    state:     of the chunk before; not allowed with clip

    Raises `InputError` for unknown names, negative numbers, flow that is not finite, and clip with
    a state.
    """
    if normalise not in NORMALISATIONS:
        raise InputError(
            f"normalise: expected one of {', '.join(NORMALISATIONS)}, found {normalise!r}"
        )
    if fixed < 0 or floor < 0:
        raise InputError(f"scale, floor: expected at least 0 px, found {fixed:g} and {floor:g}")
    if normalise == "clip" and state is not None:
        raise InputError(
            "normalise: clip needs the whole clip at once, as its fastest pixel may be in a later "
            "chunk, but a state of the chunk before is connected; choose vace, fixed or ema, or "
            "disconnect state"
        )
    held = 0.0 if state is None else state.held
    peaks = fastest(flow)
    if normalise == "fixed":
        scales = torch.full_like(peaks, fixed or _DIAGONAL * math.hypot(*flow.shape[2:]))
    else:
        if normalise == "clip" and len(peaks):
            peaks = peaks.amax().expand(len(peaks))
        elif normalise == "ema":
            peaks, held = _held(peaks, held)
        scales = peaks + _EPSILON
    return scales.clamp(min=floor), ScaleState(held)


def _held(values: Tensor, before: float) -> tuple[Tensor, float]:
    """Return each value [N], or what is left of the largest before it: max over j <= i of v_j
    h^(i-j); and the last of them. `before` is the value in front of the first.

    One after the other, as numbers: in parallel the last bit would depend on where a chunk begins.
    """
    held = []
    for value in values.tolist():
        before = max(value, before * _HOLD)
        held.append(before)
    return values.new_tensor(held), before
