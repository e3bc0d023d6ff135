"""Draw `Flow` as control images, one per frame of its clip."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..flow.flow import Flow
from ..flow.speeds import blocks
from .choices import NOISE_FLOOR, WAYS
from .flow_colours import flow_colours
from .flow_legend import draw_legend
from .flow_scales import ScaleState, flow_scales

_AT_ONCE = 16  # frames between two progress reports
_STILL = 1e-6  # px; what is slower does not move, even without a floor


@dataclass(frozen=True)
class DrawnFlow:
    """Drawn flow.

    image:  [frames,H,W,3] 0..1
    mask:   [frames,H,W] 0 or 1: what moves
    scales: [N] px in full colour, one for each pair
    state:  for the chunk that follows
    """

    image: Tensor
    mask: Tensor
    scales: Tensor
    state: ScaleState


def draw_flow(
    flow: Flow,
    *,
    colours: str = "middlebury",
    normalise: str = "vace",
    scale: float = 0.0,
    noise_floor: float = NOISE_FLOOR,
    strength: float = 1.0,
    direction: str = "estimated",
    legend: bool = False,
    state: ScaleState | None = None,
    progress: Callable[[int], None] | None = None,
) -> DrawnFlow:
    """Draw a flow, one picture per frame. The first frame is what `flow.first` says: the next
    picture again, white or black; white, too, if there is no next.

    colours, strength:       see `flow_colours`
    normalise, scale, state: see `flow_scales`; scale is its `fixed`
    noise_floor:             px; what is slower is still, and no scale is less than twice that
    direction:               which flow; estimated: forward if there is one
    legend:                  whether the wheel and its scale stand in a corner
    progress:                called with the number of frames done since the last call

    Raises `InputError` for what the others do, and for flow without frames.
    """
    if direction not in WAYS:
        raise InputError(f"direction: expected one of {', '.join(WAYS)}, found {direction!r}")
    rows = flow.main if direction == "estimated" else flow.one(direction)
    if not flow.frame_count:
        raise InputError("flow: expected at least one frame, found none")
    scales, state = flow_scales(rows, normalise, fixed=scale, floor=2 * noise_floor, state=state)
    before = flow.frame_count - len(flow)
    image = torch.empty(flow.frame_count, *flow.size, 3, device=flow.device)
    drawn = image[before:]
    for at in range(0, max(1, len(rows)), _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        look: dict[str, Any] = {"colours": colours, "floor": noise_floor, "strength": strength}
        flow_colours(rows[part], scales[part], out=drawn[part], **look)
        if progress is not None:
            progress(len(rows[part]))
    if legend:
        draw_legend(drawn, scales / strength, colours)
    mask = image.new_empty(flow.frame_count, *flow.size)
    _moving(rows, max(noise_floor, _STILL), mask[before:])
    if before:
        _begin(flow, image, mask)
    return DrawnFlow(image, mask, scales, state)


def _moving(flow: Tensor, least: float, out: Tensor) -> None:
    for at, rows in blocks(flow):
        part = flow[at, :, rows]
        torch.ge(torch.hypot(part[:, 0], part[:, 1]), least, out=out[at, rows])


def _begin(flow: Flow, image: Tensor, mask: Tensor) -> None:
    """Draw the first frame."""
    if flow.first == "duplicate" and len(flow):
        image[0], mask[0] = image[1], mask[1]
    else:
        image[0], mask[0] = float(flow.first != "zero"), 0
