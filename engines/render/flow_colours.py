"""Draw optical flow in colours: hue for the direction, saturation for the speed."""

import math

import torch
from torch import Tensor

from ..errors import InputError
from ..flow.speeds import blocks
from .wheels import WHEELS


def flow_colours(
    flow: Tensor,
    scales: Tensor,
    *,
    colours: str = "middlebury",
    floor: float = 0.0,
    strength: float = 1.0,
    out: Tensor | None = None,
) -> Tensor:
    """Return finite flows [N,2,H,W] px as images [N,H,W,3] 0..1.

    White does not move, a hue is a direction.

    scales:   [N] px drawn in full colour (`flow_scales`); what is faster is drawn as that
    colours:  one of `WHEELS`; motion to the right is red, hues follow clockwise on the screen
    floor:    px; slower motion is drawn as none, and colours fade in from there to twice that
    strength: of the colours, after the scale: 0 = all white, 2 = full colour at half the scale
    out:      [N,H,W,3] float32, contiguous, to draw into

    With floor 0 and strength 1 middlebury is the published colouring (its flow_to_color), without
    the rounding to 8 bits. Raises `InputError` for unknown colours and negative numbers.
    """
    if floor < 0 or strength < 0:
        raise InputError(
            f"noise_floor, strength: expected at least 0, found {floor:g} and {strength:g}"
        )
    table = _table(colours).to(flow.device)
    gains = (strength / scales.to(flow.device))[:, None, None]
    count, _, height, width = flow.shape
    if out is None:
        out = torch.empty(count, height, width, 3, device=flow.device)
    for at, rows in blocks(flow):
        _paint(flow[at, :, rows].float(), gains[at], floor, table, out[at, rows])
    return out


def _table(colours: str) -> Tensor:
    """Return a wheel's n colours [n,6]: what each adds to white, and the step from there to the
    next."""
    if colours not in WHEELS:
        raise InputError(f"colours: expected one of {', '.join(WHEELS)}, found {colours!r}")
    wheel = WHEELS[colours].colours()
    return torch.cat([wheel - 1, wheel.roll(-1, 0) - wheel], 1)


def _paint(flow: Tensor, gains: Tensor, floor: float, table: Tensor, out: Tensor) -> None:
    """Draw flows [n,2,h,W] times `gains` [n,1,1] as colours into `out` [n,h,W,3]."""
    u, v = flow.unbind(1)
    radius = torch.hypot(u, v)
    fade = ((radius - floor) / floor).clamp_(0, 1) if floor else None
    radius.mul_(gains).clamp_(max=1)
    if fade is not None:
        radius.mul_(fade)
    place = torch.atan2(-v, -u).div_(math.pi).add_(1).mul_((len(table) - 1) / 2)
    below = place.int()
    part = place.sub_(below).reshape(-1, 1)
    found = table.index_select(0, below.flatten())
    hue = torch.addcmul(found[:, :3], found[:, 3:], part)
    torch.addcmul(hue.new_ones(()), hue, radius.reshape(-1, 1), out=out.view(-1, 3))
