"""Masks of what moves."""

import torch

from ..errors import InputError
from .camera import camera_motion
from .flow import Flow
from .speeds import blocks


def motion_mask(
    flow: Flow, *, threshold: float = 1.0, soft: float = 0.0, camera: str = "keep"
) -> torch.Tensor:
    """Return a mask [frames,H,W] 0..1 of what moves by at least `threshold` px per frame.

    soft:   px per frame above `threshold` over which the mask rises from 0 to 1
    camera: which camera motion is subtracted first: see `camera_motion`

    The flow's main direction counts. The first frame has the next one's mask, or none, as
    `flow.first` says. Raises `InputError` for negative values, and for flow that is not finite.
    """
    if threshold < 0 or soft < 0:
        raise InputError(
            f"threshold, soft: expected at least 0 px, found {threshold:g} and {soft:g}"
        )
    moved = camera_motion(flow.main, camera)
    mask = flow.main.new_empty(len(flow), *flow.size)
    for at, rows in blocks(flow.main):
        part = flow.main[at, :, rows]
        if camera != "keep":
            part = part - moved.field(flow.size, (at, rows))
        speed = torch.hypot(part[:, 0], part[:, 1])
        if soft:
            torch.clamp(speed.sub_(threshold).div_(soft), 0, 1, out=mask[at, rows])
        else:
            torch.ge(speed, threshold, out=mask[at, rows])
    return flow.per_frame(mask)
