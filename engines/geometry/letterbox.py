"""Fitting frames of any size into a network's input without squashing them."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError


@dataclass(frozen=True)
class Letterbox:
    """Where a frame of `source` pixels lies inside a network input of `target` pixels.

    All sizes are (height, width). The frame is resized to `inner`, both sides by the same factor
    up to rounding to whole pixels, and padded to `target` at the right and the bottom.
    """

    source: tuple[int, int]
    inner: tuple[int, int]
    target: tuple[int, int]

    @classmethod
    def fit(cls, source: tuple[int, int], size: int, *, stride: int) -> "Letterbox":
        """The letterbox that brings the longer side of `source` to `size`.

        `stride` is the multiple that the network asks of both sides; `size` must be one. The
        shorter side is padded to the next multiple only, not to a square.
        """
        if size < stride or size % stride:
            raise InputError(
                f"detection size: expected a multiple of {stride}, found {size}; "
                f"try {max(stride, round(size / stride) * stride)}"
            )
        scale = size / max(source)
        height, width = (max(1, min(size, round(side * scale))) for side in source)
        return cls(
            source=source,
            inner=(height, width),
            target=(_next_multiple(height, stride), _next_multiple(width, stride)),
        )

    @classmethod
    def inside(cls, source: tuple[int, int], target: tuple[int, int]) -> "Letterbox":
        """The letterbox that brings `source` into an input of one size, as large as it fits."""
        scale = min(t / s for t, s in zip(target, source, strict=True))
        height, width = (
            max(1, min(t, round(s * scale))) for t, s in zip(target, source, strict=True)
        )
        return cls(source=source, inner=(height, width), target=target)

    def apply(self, frames: Tensor, *, fill: float = 0.0) -> Tensor:
        """[F,H,W,3] frames in `source` size -> [F,3,h,w] in `target` size, channels last.

        Antialiased bilinear when shrinking, so that small people are not lost between samples.
        """
        images = frames.movedim(-1, 1)  # FHWC -> FCHW, a view
        if self.inner != self.source:
            shrinks = self.inner[0] < self.source[0] or self.inner[1] < self.source[1]
            images = F.interpolate(images, size=self.inner, mode="bilinear", antialias=shrinks)
        pad_bottom, pad_right = (t - i for t, i in zip(self.target, self.inner, strict=True))
        images = F.pad(images, (0, pad_right, 0, pad_bottom), value=fill)
        return images.contiguous(memory_format=torch.channels_last)

    def back(self, points: Tensor) -> Tensor:
        """[...,2] x, y pixels of `target` -> x, y pixels of `source`."""
        return points * self._factors(points)

    def into(self, points: Tensor) -> Tensor:
        """[...,2] x, y pixels of `source` -> x, y pixels of `target`."""
        return points / self._factors(points)

    def _factors(self, like: Tensor) -> Tensor:
        (height, width), (inner_height, inner_width) = self.source, self.inner
        return like.new_tensor([width / inner_width, height / inner_height])


def _next_multiple(value: int, of: int) -> int:
    return math.ceil(value / of) * of
