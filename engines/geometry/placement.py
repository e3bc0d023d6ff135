"""Bringing pictures and points from one size to another."""

import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

FITS = ("stretch", "letterbox", "crop")
Size = tuple[int, int]  # height, width


def place(source: Size, target: Size, fit: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Scale and shift, (y, x) each, that bring points of a `source` picture onto a `target` one.

    fit: each side by itself ("stretch"), whole with borders ("letterbox"), or filling the target
    and cut at the edges ("crop"); centred.
    """
    if fit not in FITS:
        raise InputError(f"fit: expected one of {', '.join(FITS)}, found {fit!r}")
    by_y, by_x = target[0] / source[0], target[1] / source[1]
    if fit != "stretch":
        by_y = by_x = min(by_y, by_x) if fit == "letterbox" else max(by_y, by_x)
    shift = ((target[0] - source[0] * by_y) / 2, (target[1] - source[1] * by_x) / 2)
    return (by_y, by_x), shift


def placed_box(source: Size, target: Size, fit: str) -> tuple[int, int, int, int]:
    """Top, left, bottom and right in whole pixels of where `fit_images` puts a picture; beyond the
    edges of `target` where it is cropped."""
    scale, shift = place(source, target, fit)
    height, width = (max(1, round(side * by)) for side, by in zip(source, scale, strict=True))
    top, left = round(shift[0]), round(shift[1])
    return top, left, top + height, left + width


def fit_images(images: Tensor, target: Size, fit: str, *, fill: float) -> Tensor:
    """[F,H,W,C] -> [F,h,w,C] in `target` size; borders that a letterbox leaves are `fill`.

    Antialiased bilinear; the images themselves when the size is the same.
    """
    source = (images.shape[1], images.shape[2])
    if source == target:
        return images
    top, left, bottom, right = placed_box(source, target, fit)
    inner = [bottom - top, right - left]
    resized = F.interpolate(images.movedim(-1, 1), inner, mode="bilinear", antialias=True)
    borders = (left, target[1] - right, top, target[0] - bottom)
    placed = F.pad(resized, borders, value=fill)  # negative: cuts
    return placed.movedim(1, -1).contiguous()


def expand_frames(images: Tensor, frames: int) -> Tensor:
    """A single image [1,...] repeated for every frame, without a copy; others as they are."""
    return images if images.shape[0] == frames else images.expand(frames, *images.shape[1:])
