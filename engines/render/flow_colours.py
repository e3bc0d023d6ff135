"""Optical flow as colours: hue for the direction, paleness for the speed."""

import math

import torch
from torch import Tensor

from ..errors import InputError

NORMALISATIONS = ("vace", "clip", "fixed", "ema")

# Steps from red to yellow, to green, to cyan, to blue, to magenta and back, of the colour wheel of
# Baker et al., A Database and Evaluation Methodology for Optical Flow, 2007 (Middlebury).
_STEPS = (15, 6, 4, 11, 13, 6)
_HOLD = 0.95  # of the last frame's scale, as long as nothing faster comes


def colour_wheel(device: torch.device | str = "cpu") -> Tensor:
    """[55,3] RGB 0..1."""
    corners = torch.tensor(
        [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]], dtype=torch.float32
    )
    rows = []
    for number, steps in enumerate(_STEPS):
        start, end = corners[number], corners[(number + 1) % 6]
        # 8-bit steps, rounded down as published; falling channels fall from 255
        rise = torch.floor(255 * torch.arange(steps) / steps)[:, None] / 255
        falls = end < start
        rows.append(torch.where(falls, start - rise, start + (end - start) * rise))
    return torch.cat(rows).to(device)


def flow_scales(
    flow: Tensor, normalise: str = "vace", *, fixed: float = 0.0, floor: float = 0.0
) -> Tensor:
    """[N] px: the speed that is drawn in full colour in each of the flows [N,2,H,W].

    normalise: vace: each frame's own fastest pixel, as VACE's annotator; clip: the clip's fastest;
               fixed: `fixed` px (0 = 2 % of the diagonal); ema: as vace, but falling slowly, so
               that still pixels keep their colour when something fast leaves
    floor:     px; no scale is less, so that the noise of a still picture stays pale
    """
    if normalise not in NORMALISATIONS:
        raise InputError(
            f"normalise: expected one of {', '.join(NORMALISATIONS)}, found {normalise!r}"
        )
    if fixed < 0 or floor < 0:
        raise InputError(f"fixed, floor: expected at least 0 px, found {fixed} and {floor}")
    count, _, height, width = flow.shape
    if normalise == "fixed":
        scales = flow.new_full((count,), fixed or 0.02 * math.hypot(height, width))
    else:
        fastest = torch.linalg.vector_norm(flow.float(), dim=1).flatten(1).amax(1)
        if normalise == "clip" and count:
            fastest = fastest.amax().expand(count)
        elif normalise == "ema":
            fastest = _held(fastest)
        scales = fastest
    return scales.float().clamp(min=max(floor, 1e-6))


def flow_colours(
    flow: Tensor, scales: Tensor, *, floor: float = 0.0, strength: float = 1.0
) -> Tensor:
    """Flows [N,2,H,W] px as images [N,H,W,3] 0..1: white is still, a hue is a direction.

    scales:   [N] px drawn in full colour (`flow_scales`); what is faster is drawn as that
    floor:    px; what is slower is still
    strength: of the colours, after the scale: 0 = all white, 2 = full colour at half the scale

    With floor 0 and strength 1 it is the published colouring (Middlebury's flow_to_color), without
    its rounding to 8 bits.
    """
    if strength < 0:
        raise InputError(f"strength: expected at least 0, found {strength}")
    flow = flow.float()
    length = torch.linalg.vector_norm(flow, dim=1)
    radius = length / scales.to(flow.device)[:, None, None] * strength
    if floor:
        radius = radius * (length >= floor)
    radius = radius.clamp(max=1)[..., None]
    wheel = colour_wheel(flow.device)
    count = len(wheel)
    angle = torch.atan2(-flow[:, 1], -flow[:, 0]) / math.pi
    place = (angle + 1) / 2 * (count - 1)
    low = place.floor().long()
    part = (place - low)[..., None]
    hue = wheel[low] * (1 - part) + wheel[(low + 1) % count] * part
    image: Tensor = 1 - radius * (1 - hue)
    return image


def _held(values: Tensor) -> Tensor:
    """[N] each value, or what is left of the largest before it: max over j <= i of v_j h^(i-j).

    As a running maximum of logarithms, without a loop.
    """
    if not len(values):
        return values
    fall = math.log(_HOLD) * torch.arange(len(values), device=values.device, dtype=torch.float64)
    logarithms = values.double().clamp(min=1e-12).log()
    held: Tensor = (logarithms - fall).cummax(0).values + fall
    return held.exp().to(values.dtype)
