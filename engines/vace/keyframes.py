"""Clips of which only some frames are given: the first, the last, or any others."""

import torch
from torch import Tensor

from ..checks import check_frames
from ..errors import InputError
from ..geometry.frames import expand_frames
from ..geometry.placement import fit_images
from ..words import counted
from .fitting import as_frames
from .masks import Masked
from .normalise import GENERATE, NEUTRAL, STEP
from .positions import parse_frames


def keyframes(
    images: Tensor,
    positions: str,
    length: int,
    *,
    control: Tensor | None = None,
    fit: str = "crop",
) -> Masked:
    """Return a clip of `length` frames in which `images` stand at `positions` and are kept.

    images:    [K,H,W,3] 0..1, the frames that are known
    positions: K frames, see `parse_frames`, in the order of the images; empty = spread evenly from
               the first frame to the last
    length:    frames, 4n+1
    control:   [length,h,w,3] or one image, shown in all other frames instead of grey, such as
               poses; brought to the images' size as `fit` says
    Mask 0 in the known frames, 1 in all others.

    Raises `InputError` when the numbers do not agree or two images want the same place.
    """
    check_frames("images", images)
    count, height, width = images.shape[:3]
    if length < 1 or length % STEP != 1:
        lower = max(1, (length - 1) // STEP * STEP + 1)
        raise InputError(
            f"length: expected 4n+1 frames, found {length}; try {lower} or {lower + STEP}"
        )
    at = parse_frames(positions, length, name="positions") or _spread(count, length)
    if len(at) != count:
        raise InputError(
            f"positions: {positions!r} names {len(at)} of {counted(length, 'frame')}, but there "
            f"are {count} "
            "images; name one frame for each image"
        )
    twice = sorted({place for place in at if at.count(place) > 1})
    if twice:
        raise InputError(
            f"positions: frame {twice[0]} is named more than once; each image needs its own"
        )
    images = images.float()
    clip = images.new_full((length, height, width, 3), NEUTRAL)
    if control is not None:
        control = as_frames("control", control)[0].expand(-1, -1, -1, 3)  # depth has one
        if control.shape[0] not in (1, length):
            raise InputError(
                f"control: expected {counted(length, 'frame')} (the length) or 1, found "
                f"{control.shape[0]}"
            )
        fitted = fit_images(control.to(images), (height, width), fit, fill=NEUTRAL)
        clip.copy_(expand_frames(fitted, length))
    mask = images.new_full((length, height, width), GENERATE)
    clip[at] = images
    mask[at] = 0
    return Masked(clip, mask)


def _spread(count: int, length: int) -> list[int]:
    """Return `count` frames from the first to the last, as even as whole numbers allow."""
    if count > length:
        raise InputError(f"images: {count} do not fit into a clip of {counted(length, 'frame')}")
    return [round(place) for place in torch.linspace(0, length - 1, count).tolist()]
