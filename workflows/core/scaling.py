"""Scaling and batching of images and masks, as ComfyUI does it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...engines.errors import InputError
from .pixels import pixels_of

if TYPE_CHECKING:
    from torch import Tensor

METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
CROPS = ("disabled", "center")
LARGEST = 16384  # px: ComfyUI's longest side


def resized(
    pictures: Tensor, width: int, height: int, method: str, crop: str = "disabled"
) -> Tensor:
    """Scale images [F,H,W,C] or masks [F,H,W], 0..1, to `height` and `width` px.

    method: one of `METHODS`
    crop:   "center" cuts what exceeds the new aspect ratio, "disabled" distorts

    Raises `InputError` for a size of 0, and for one that the memory does not hold.
    """
    import torch.nn.functional as F

    is_mask = pictures.ndim == 3
    images = pictures[..., None] if is_mask else pictures
    tall, wide = images.shape[1:3]
    check_room(len(images), height, width, images.shape[3])
    if crop == "center":
        left = top = 0
        if wide / tall > width / height:
            left = round((wide - wide * ((width / height) / (wide / tall))) / 2)
        elif wide / tall < width / height:
            top = round((tall - tall * ((wide / tall) / (width / height))) / 2)
        images = images[:, top : tall - top, left : wide - left]
    if method == "lanczos":
        scaled = _lanczos(images, width, height)
    else:
        scaled = F.interpolate(images.movedim(-1, 1), size=(height, width), mode=method)
        scaled = scaled.movedim(1, -1)
    return scaled[..., 0] if is_mask else scaled


def _lanczos(images: Tensor, width: int, height: int) -> Tensor:
    import torch
    from PIL import Image

    channels = images.shape[-1]
    if channels not in (1, 3, 4):
        raise InputError(f"lanczos: expected 1, 3 or 4 channels, found {channels}")
    pixels = (255.0 * images).clamp(0, 255).to("cpu", torch.uint8).numpy()
    pages = [
        Image.fromarray(page[..., 0] if channels == 1 else page).resize(
            (width, height), Image.Resampling.LANCZOS
        )
        for page in pixels
    ]
    made = torch.stack([pixels_of(page) for page in pages])
    return (made[..., None] if channels == 1 else made).to(images)


def check_room(frames: int, height: int, width: int, channels: int) -> None:
    """Raise `InputError` for pictures of size 0, and for more than the free memory holds."""
    import psutil

    if width < 1 or height < 1:
        raise InputError(f"expected a size of at least 1x1, found {width}x{height}; make it larger")
    needed = frames * height * width * channels * 4  # bytes of float32
    there = psutil.virtual_memory().available
    if needed > there:
        raise InputError(
            f"{frames} images of {width}x{height} need {needed / 2**30:.1f} GiB of memory, found "
            f"{there / 2**30:.1f} GiB free; choose a smaller size or fewer images"
        )


def repeated(pictures: Tensor, count: int) -> Tensor:
    """Return `count` of the frames, from the first again after the last."""
    if len(pictures) == count:
        return pictures
    times = math.ceil(count / len(pictures))
    return pictures.repeat(times, *[1] * (pictures.ndim - 1))[:count]


def longest_as(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return the size, height and width in px, whose longer side is `longest`."""
    height, width = size
    if height > width:
        return longest, round(width / height * longest)
    if width > height:
        return round(height / width * longest), longest
    return longest, longest
