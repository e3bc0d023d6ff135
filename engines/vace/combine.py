"""Lay one control over another: skeletons over flow, poses in the masked part of footage."""

import torch
from torch import Tensor

from ..checks import check_masks
from ..errors import InputError
from ..geometry.frames import expand_frames
from ..geometry.morphology import grow
from ..geometry.placement import fit_images
from ..words import counted
from .choices import MODES
from .fitting import as_frames


def combine(
    base: Tensor,
    over: Tensor,
    *,
    mode: str = "over_black",
    mask: Tensor | None = None,
    opacity: float = 1.0,
    black: float = 0.02,
    fit: str = "crop",
) -> tuple[Tensor, Tensor]:
    """Lay `over` on top of `base`: IMAGE [F,H,W,3] in the size of base, and MASK [F,H,W] where over
    shows.

    base, over: [F,H,W,3] 0..1; a single image serves every frame of the other
    mode:       "over_black": over without its black background, its smooth edges mixed as they
                were drawn; "replace": all of it; "lighten": the brighter of both, channel by
                channel
    mask:       [F,h,w] or [1,h,w] 0..1, stretched onto base: over shows here only
    opacity:    0..1, of over
    black:      0..1; pixels no channel of which is above it are background (over_black)
    fit:        how over is brought to base's size; borders that it leaves show base

    Raises `InputError` for numbers of frames that do not agree and unknown choices.
    """
    if mode not in MODES:
        raise InputError(f"mode: expected one of {', '.join(MODES)}, found {mode!r}")
    for name, value in (("opacity", opacity), ("black", black)):
        if not 0 <= value <= 1:
            raise InputError(f"{name}: expected 0..1, found {value}")
    # depth and edges have one channel
    base, over = (
        as_frames(name, value)[0].expand(-1, -1, -1, 3)
        for name, value in (("base", base), ("over", over))
    )
    counts = {"base": base.shape[0], "over": over.shape[0]}
    if mask is not None:
        check_masks("mask", mask)
        counts["mask"] = mask.shape[0]
    frames = max(counts.values())
    for name, count in counts.items():
        if count not in (1, frames):
            said = ", ".join(f"{key} {value}" for key, value in counts.items())
            raise InputError(
                f"{name}: expected {counted(frames, 'frame')} or 1, found {count} ({said}); "
                "cut or repeat frames so that the numbers agree"
            )
    base = base.float().clamp(0, 1)
    over = over.to(base).clamp(0, 1)
    size = (base.shape[1], base.shape[2])
    cover = over_black_alpha(over, black) if mode == "over_black" else over.new_ones(over.shape[:3])
    if mode == "over_black":
        over = over * (cover > 0)[..., None]
    # Colours are as drawn over black, so colour and cover may be scaled each by itself.
    over = fit_images(over, size, fit, fill=0)
    cover = fit_images(cover[..., None], size, fit, fill=0).clamp(0, 1)
    shown = over.new_full((1, 1, 1, 1), opacity)
    if mask is not None:
        shown = shown * fit_images(mask[..., None].to(base), size, "stretch", fill=0).clamp(0, 1)
    if mode == "lighten":
        image = torch.lerp(base, torch.maximum(base, over), shown)
    else:
        image = torch.addcmul(base * (1 - cover * shown), over, shown)
    covered = expand_frames((cover * shown)[..., 0], frames).contiguous()
    return expand_frames(image, frames).contiguous(), covered


def over_black_alpha(images: Tensor, black: float) -> Tensor:
    """Return how much of each pixel is covered, [F,H,W] 0..1, in drawings on black [F,H,W,3].

    Inside a drawing, however dark its colour, all of it. A pixel that touches the background is
    an edge: it is covered by as much as its brightest channel is of the brightest beside it.
    """
    bright = images.amax(-1)
    drawn = bright > black
    edge = grow(bright, -1) <= black
    share = bright / grow(bright, 1).clamp(min=1e-6)
    return torch.where(edge, share, torch.ones_like(share)) * drawn
