"""Enlarge the canvas around footage, for the model to fill."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.placement import fit_images
from .choices import LARGEST, UNITS
from .masks import Masked, paint
from .normalise import NEUTRAL, SIDE, check_mask_count


@dataclass(frozen=True)
class Margins:
    """Pixels on each side of the footage."""

    left: int
    top: int
    right: int
    bottom: int


def margins_of(
    size: tuple[int, int],
    *,
    left: float,
    top: float,
    right: float,
    bottom: float,
    unit: str = "pixels",
    side: int = SIDE,
) -> Margins:
    """Return margins that make the sides of the canvas divisible by `side`.

    size: height, width of the footage, of which percent are parts

    A canvas is rounded up, never cut. What that adds goes to the two margins of its direction in
    their proportion, and half to each where both are 0. Raises `InputError` for negative margins.
    """
    if unit not in UNITS:
        raise InputError(f"unit: expected one of {', '.join(UNITS)}, found {unit!r}")
    height, width = size
    asked = {"left": left, "top": top, "right": right, "bottom": bottom}
    for name, value in asked.items():
        if not 0 <= value < float("inf"):
            raise InputError(f"{name}: expected a margin of 0 or more, found {value}")
    by_x, by_y = (width / 100, height / 100) if unit == "percent" else (1, 1)
    x = _snapped(width, left * by_x, right * by_x, side)
    y = _snapped(height, top * by_y, bottom * by_y, side)
    if max(width + sum(x), height + sum(y)) > LARGEST:
        raise InputError(
            f"margins: expected a canvas of at most {LARGEST} px a side, found "
            f"{width + sum(x)}x{height + sum(y)}; choose smaller margins"
        )
    return Margins(x[0], y[0], x[1], y[1])


def outpaint(
    image: Tensor,
    margins: Margins,
    *,
    overlap: int = 0,
    feather: int = 0,
    mask: Tensor | None = None,
) -> Masked:
    """Put footage [F,H,W,3] on a larger canvas, with grey and mask 1 in the margins.

    mask:    [F,h,w] or [1,h,w] 0..1, stretched onto the footage: what of it is generated, too
    overlap: px of the footage beside a margin that are generated again
    feather: px further in over which the mask falls to 0, in a straight line

    Raises `InputError` when overlap and feather leave nothing of the footage.
    """
    check_frames("image", image)
    frames, height, width = image.shape[:3]
    if overlap < 0 or feather < 0:
        raise InputError(f"overlap, feather: expected 0 px or more, found {overlap} and {feather}")
    # how much of the footage is kept, along each side
    across = _kept(width, margins.left, margins.right, overlap, feather).to(image.device)
    down = _kept(height, margins.top, margins.bottom, overlap, feather).to(image.device)
    if not bool(across.any() and down.any()):
        raise InputError(
            f"overlap, feather: {overlap} and {feather} px from the edges leave nothing of footage "
            f"of {width}x{height}; choose less"
        )
    masks = (1 - down[:, None] * across).expand(frames, -1, -1)
    sides = (0, 0, margins.left, margins.right, margins.top, margins.bottom)
    if mask is not None:
        check_mask_count(mask, frames)
        inside = mask[..., None].to(masks)
        inside = fit_images(inside, (height, width), "stretch", fill=0)[..., 0].clamp(0, 1)
        masks = torch.maximum(masks, F.pad(inside, sides[2:]))
    masks = masks.contiguous()
    wide = F.pad(image.float(), sides, value=NEUTRAL)
    painted = overlap or feather or mask is not None
    return Masked(paint(wide, masks) if painted else wide, masks)


def _snapped(source: int, before: float, after: float, side: int) -> tuple[int, int]:
    """Return both margins of a direction in whole pixels, with the canvas divisible by `side`."""
    total = -(-round(source + before + after) // side) * side
    spare = total - source
    part = before / (before + after) if before + after else 0.5
    first = round(spare * part)
    return first, spare - first


def _kept(source: int, before: int, after: int, overlap: int, feather: int) -> Tensor:
    """Return how much is kept along a side, [before + source + after]: 0 in margins and overlap,
    rising to 1 over `feather` px."""
    at = torch.arange(source) + 0.5  # pixel centres
    ramp = torch.ones(source)
    for margin, distance in ((before, at), (after, source - at)):
        if margin:
            rise = (distance - overlap) / feather if feather else (distance > overlap).float()
            ramp = torch.minimum(ramp, rise.clamp(0, 1))
    return F.pad(ramp, (before, after))
