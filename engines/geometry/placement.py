"""The one way to bring pictures and points from one size to another, and back.

All sizes are (height, width) in pixels.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..constants import constant
from ..errors import InputError
from .choices import FITS

Size = tuple[int, int]  # height, width
Box = tuple[int, int, int, int]  # top, left, bottom, right


@dataclass(frozen=True)
class Placement:
    """Where a picture of `source` pixels lies on a canvas of `target` pixels.

    The picture is resized to `inner` and put at `offset` (top, left). What it does not cover of
    the canvas is border; where the offset is negative the picture is cropped.
    """

    source: Size
    inner: Size
    target: Size
    offset: tuple[int, int] = (0, 0)

    @classmethod
    def fitted(cls, source: Size, target: Size, fit: str) -> "Placement":
        """Centre a picture on a canvas, rounded to whole pixels; see `scale_and_shift` for `fit`.

        Raises `InputError` for an unknown `fit`.
        """
        scale, shift = scale_and_shift(source, target, fit)
        height, width = (max(1, round(side * by)) for side, by in zip(source, scale, strict=True))
        return cls(source, (height, width), target, (round(shift[0]), round(shift[1])))

    @classmethod
    def longer_side(cls, source: Size, size: int, *, stride: int) -> "Placement":
        """Bring the longer side to `size` px, in the top left corner of a network's input.

        The shorter side is padded to the next multiple of `stride`, not to a square. Raises
        `InputError` unless `size` is a multiple of `stride`.
        """
        if size < stride or size % stride:
            raise InputError(
                f"detection size: expected a multiple of {stride}, found {size}; "
                f"try {max(stride, round(size / stride) * stride)}"
            )
        scale = size / max(source)
        height, width = (max(1, min(size, round(side * scale))) for side in source)
        return cls(source, (height, width), _multiples((height, width), stride))

    @classmethod
    def inside(cls, source: Size, target: Size) -> "Placement":
        """Put a picture, as large as it fits, in the top left corner of an input of one size."""
        scale = min(t / s for t, s in zip(target, source, strict=True))
        height, width = (
            max(1, min(t, round(s * scale))) for t, s in zip(target, source, strict=True)
        )
        return cls(source, (height, width), target)

    @classmethod
    def padded(cls, source: Size, size: int, *, stride: int, least: int) -> "Placement":
        """Bring the longer side to `size` px (0: unchanged) and centre the picture on a canvas
        whose sides are multiples of `stride` and at least `least`.

        Raises `InputError` for a negative size.
        """
        if size < 0:
            raise InputError(f"size: expected at least 0 px, found {size}")
        by = size / max(source) if size else 1.0
        inner = (max(1, round(source[0] * by)), max(1, round(source[1] * by)))
        height, width = (max(least, side) for side in _multiples(inner, stride))
        # as RAFT's own padder: the odd pixel goes to the right and to the bottom
        offset = ((height - inner[0]) // 2, (width - inner[1]) // 2)
        return cls(source, inner, (height, width), offset)

    @property
    def box(self) -> Box:
        """Top, left, bottom, right of the picture on the canvas; beyond its edges if cropped."""
        top, left = self.offset
        return top, left, top + self.inner[0], left + self.inner[1]

    @property
    def visible(self) -> Box:
        """Top, left, bottom, right of the part of the canvas that the picture covers."""
        top, left, bottom, right = self.box
        return max(0, top), max(0, left), min(self.target[0], bottom), min(self.target[1], right)

    @property
    def seen(self) -> Box:
        """Top, left, bottom, right of the part of the source that the canvas shows."""
        whole, visible = self.box, self.visible

        def back(side: int, axis: int) -> int:
            length = whole[axis + 2] - whole[axis]
            return round((visible[side] - whole[axis]) * self.source[axis] / length)

        top, left = back(0, 0), back(1, 1)
        return top, left, max(top + 1, back(2, 0)), max(left + 1, back(3, 1))

    @property
    def is_cropped(self) -> bool:
        return self.seen != (0, 0, *self.source)

    def resize(self, images: Tensor, *, fill: float | None = 0.0, antialias: bool = True) -> Tensor:
        """Resize images [F,C,H,W] bilinearly and place them: [F,C,h,w].

        fill:      value of the border; None repeats the pixels at the picture's edges
        antialias: average over all the source pixels that fall on one
        """
        if self.inner != (images.shape[2], images.shape[3]):
            images = F.interpolate(images, self.inner, mode="bilinear", antialias=antialias)
        margins = self._margins
        if not any(margins):
            return images
        if fill is None:
            return F.pad(images, margins, mode="replicate")
        return F.pad(images, margins, value=fill)  # negative margins crop

    def apply(self, frames: Tensor, *, fill: float = 0.0) -> Tensor:
        """Return frames [F,H,W,3] as a network's input [F,3,h,w], in channels-last memory.

        Antialiased only if the picture shrinks, so that small people are not lost between samples.
        """
        shrinks = self.inner[0] < self.source[0] or self.inner[1] < self.source[1]
        images = self.resize(frames.movedim(-1, 1), fill=fill, antialias=shrinks)
        return images.contiguous(memory_format=torch.channels_last)

    def cut(self, images: Tensor) -> Tensor:
        """Cut the border off images [...,h,w]: the part that the picture covers, a view."""
        top, left, bottom, right = self.visible
        return images[..., top:bottom, left:right]

    def into(self, points: Tensor) -> Tensor:
        """Map x, y [...,2] from pixels of the source to pixels of the canvas."""
        return points / self._factors(points) + self._offset(points)

    def back(self, points: Tensor) -> Tensor:
        """Map x, y [...,2] from pixels of the canvas to pixels of the source."""
        return (points - self._offset(points)) * self._factors(points)

    @property
    def _margins(self) -> Box:
        """Left, right, top, bottom: pixels of border, negative where the picture is cropped."""
        top, left, bottom, right = self.box
        return left, self.target[1] - right, top, self.target[0] - bottom

    def _factors(self, like: Tensor) -> Tensor:
        (height, width), (inner_height, inner_width) = self.source, self.inner
        return constant((width / inner_width, height / inner_height), like.dtype, like.device)

    def _offset(self, like: Tensor) -> Tensor:
        return constant(tuple(map(float, self.offset[::-1])), like.dtype, like.device)


def scale_and_shift(
    source: Size, target: Size, fit: str
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return scale and shift, (y, x) each, that map points of a picture onto a canvas, centred.

    fit: each side by itself ("stretch"), whole with borders ("letterbox"), or filling the canvas
         and cropped at its edges ("crop")

    Raises `InputError` for an unknown `fit`.
    """
    if fit not in FITS:
        raise InputError(f"fit: expected one of {', '.join(FITS)}, found {fit!r}")
    by_y, by_x = target[0] / source[0], target[1] / source[1]
    if fit != "stretch":
        by_y = by_x = min(by_y, by_x) if fit == "letterbox" else max(by_y, by_x)
    shift = ((target[0] - source[0] * by_y) / 2, (target[1] - source[1] * by_x) / 2)
    return (by_y, by_x), shift


def fit_images(images: Tensor, target: Size, fit: str, *, fill: float) -> Tensor:
    """Bring images [F,H,W,C] to `target` size: [F,h,w,C]; borders of a letterbox are `fill`.

    Antialiased bilinear. Images that have the size already are returned themselves.
    """
    source = (images.shape[1], images.shape[2])
    if source == target:
        return images
    placed = Placement.fitted(source, target, fit).resize(images.movedim(-1, 1), fill=fill)
    return placed.movedim(1, -1).contiguous()


def complete_size(source: Size, height: int | None, width: int | None) -> Size:
    """Return height and width as given; one that is None follows from the other one and the aspect
    ratio of `source`, both from `source`."""
    if height is not None and width is not None:
        return height, width
    if width is not None:
        return max(1, round(width * source[0] / source[1])), width
    if height is not None:
        return height, max(1, round(height * source[1] / source[0]))
    return source


def _multiples(size: Size, of: int) -> Size:
    height, width = (math.ceil(side / of) * of for side in size)
    return height, width
