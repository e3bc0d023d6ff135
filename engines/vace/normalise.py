"""From any control images to what WanVaceToVideo takes without changing it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_frames, check_masks
from ..errors import InputError
from ..geometry import Size, expand_frames, fit_images
from .control import VaceControl

SIDE = 16  # multiple of both sides: the VAE's 8 times the transformer's patch of 2
STEP = 4  # the VAE takes the first frame, then four at a time: 4n+1
NEUTRAL = 0.5  # grey: no control
GENERATE = 1.0  # mask: this pixel is the model's
LENGTH_MODES = ("repeat_last", "pad", "cut")


@dataclass(frozen=True)
class Normalised:
    """Images [F,H,W,3] and masks [F,H,W] in 0..1 for WanVaceToVideo, F = 4n+1."""

    image: Tensor
    mask: Tensor

    @property
    def length(self) -> int:
        return self.image.shape[0]

    @property
    def size(self) -> Size:
        return self.image.shape[1], self.image.shape[2]

    def control(self) -> VaceControl:
        """The same as one tensor in -1..1."""
        video = self.image.movedim(-1, 0)[None]  # FHWC -> 1CFHW
        return VaceControl(
            video=torch.add(-1.0, video, alpha=2.0), mask=self.mask[None, None].contiguous()
        )


def normalise(
    image: Tensor,
    mask: Tensor | None = None,
    *,
    width: int = 0,
    height: int = 0,
    length: int = 0,
    length_mode: str = "repeat_last",
    fit: str = "crop",
) -> Normalised:
    """Bring control images and masks to a size and a length that VACE takes as they are.

    image:         [F,H,W,3] 0..1
    mask:          [F,h,w] or [1,h,w] 0..1, 1 = generate; None = all ones. One mask serves every
                   frame. It is stretched onto the image first, whatever its size.
    width, height: multiples of 16. One 0: follows from the other and the image's shape. Both 0:
                   the image's own size, rounded down.
    length:        4n+1; 0 = the nearest that the clip's own length and `length_mode` give
    length_mode:   what fills missing frames: the last one again ("repeat_last") or neutral grey
                   with a mask of ones ("pad"); "cut" drops frames instead
    fit:           see `geometry.FITS`; borders are neutral grey with a mask of ones

    Raises `InputError` for what VACE would have to crop, pad or rescale itself.
    """
    exact = check_frames("image", image)
    frames, source_height, source_width = image.shape[:3]
    target = _target_size((source_height, source_width), height, width)
    wanted = _target_length(frames, length, length_mode)
    if mask is not None:
        check_masks("mask", mask)
        if mask.shape[0] not in (1, frames):
            raise InputError(
                f"mask: expected 1 mask or {frames} (one for each image), found {mask.shape[0]}"
            )
    # Frames that are dropped need not be resized.
    image = fit_images(image[:wanted].float(), target, fit, fill=NEUTRAL)
    if not exact or target != (source_height, source_width):  # resizing rounds past 1, too
        image = image.clamp(0, 1)
    kept = image.shape[0]
    if mask is None:
        mask = image.new_full((kept, *target), GENERATE)
    else:
        mask = mask[:wanted, ..., None].to(image)
        mask = fit_images(mask, (source_height, source_width), "stretch", fill=GENERATE)
        mask = fit_images(mask, target, fit, fill=GENERATE)[..., 0].clamp(0, 1)
        mask = expand_frames(mask, kept)
    if kept < wanted:
        more = wanted - kept
        if length_mode == "repeat_last":
            image = torch.cat([image, image[-1:].expand(more, -1, -1, -1)])
            mask = torch.cat([mask, mask[-1:].expand(more, -1, -1)])
        else:
            image = torch.cat([image, image.new_full((more, *image.shape[1:]), NEUTRAL)])
            mask = torch.cat([mask, mask.new_full((more, *mask.shape[1:]), GENERATE)])
    return Normalised(image, mask.contiguous())


def _target_size(source: Size, height: int, width: int) -> Size:
    for name, value in (("width", width), ("height", height)):
        if value < 0 or value % SIDE:
            below = max(SIDE, value // SIDE * SIDE)
            raise InputError(
                f"{name}: expected a multiple of {SIDE} (or 0), found {value}; "
                f"try {below} or {below + SIDE}"
            )
    if height and width:
        return height, width
    if width:
        exact = width * source[0] / source[1]
        return max(SIDE, round(exact / SIDE) * SIDE), width
    if height:
        exact = height * source[1] / source[0]
        return height, max(SIDE, round(exact / SIDE) * SIDE)
    return max(SIDE, source[0] // SIDE * SIDE), max(SIDE, source[1] // SIDE * SIDE)


def _target_length(frames: int, length: int, mode: str) -> int:
    if mode not in LENGTH_MODES:
        raise InputError(f"length_mode: expected one of {', '.join(LENGTH_MODES)}, found {mode!r}")
    below = (frames - 1) // STEP * STEP + 1
    if length == 0:
        return below if mode == "cut" or below == frames else below + STEP
    if length < 0 or length % STEP != 1:
        lower = max(1, (length - 1) // STEP * STEP + 1)
        raise InputError(
            f"length: expected 4n+1 frames (or 0), found {length}; try {lower} or {lower + STEP}"
        )
    if length > frames and mode == "cut":
        raise InputError(
            f"length: {length} frames asked for, the clip has {frames}, and length_mode is cut; "
            "choose repeat_last or pad, or a shorter length"
        )
    return length
