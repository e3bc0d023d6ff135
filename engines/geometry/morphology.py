"""Dilate, erode and soften masks [F,H,W], all frames at once."""

import torch
import torch.nn.functional as F
from torch import Tensor

_TAIL = 3  # a Gaussian is cut at so many standard deviations
_FADE = 4  # an edge fades 95 % of the way within 4 standard deviations


def grow(mask: Tensor, pixels: int) -> Tensor:
    """Grow masks by `pixels` on every side, in squares; a negative number shrinks them.

    The picture's edge continues beyond it: nothing grows or shrinks there.
    """
    if pixels < 0:
        return 1 - grow(1 - mask, -pixels)
    return _highest(_highest(mask, pixels, 2), pixels, 1)


def grow_labels(labels: Tensor, pixels: int) -> Tensor:
    """Grow what has a number in pictures [F,H,W] uint8 by `pixels` on every side, in squares.

    0 is nothing. Higher numbers grow over lower ones. A negative number shrinks everything where
    it borders on anything else. The picture's edge continues beyond it.
    """
    if pixels == 0:
        return labels
    highest = _highest(labels, abs(pixels), 2)
    highest = _highest(highest, abs(pixels), 1)
    if pixels > 0:
        return highest
    lowest = 255 - _highest(_highest(255 - labels, -pixels, 2), -pixels, 1)
    return torch.where(highest == lowest, labels, 0)


def feather(mask: Tensor, pixels: float) -> Tensor:
    """Blur the edges of masks over `pixels`, half on each side, by a Gaussian of a quarter of that.

    The picture's edge continues beyond it, so that a mask stays full there.
    """
    if pixels <= 0:
        return mask
    deviation = pixels / _FADE
    reach = max(1, round(_TAIL * deviation))
    at = torch.arange(-reach, reach + 1, device=mask.device, dtype=mask.dtype)
    kernel = torch.exp(-0.5 * (at / deviation) ** 2)
    kernel = kernel / kernel.sum()
    # A single plane is convolved by another routine, and the last bit would depend on the chunk.
    planes = mask[:, None] if len(mask) > 1 else mask[:, None].repeat(2, 1, 1, 1)
    planes = F.pad(planes, (reach, reach, reach, reach), mode="replicate")
    planes = F.conv2d(planes, kernel.view(1, 1, 1, -1))
    return F.conv2d(planes, kernel.view(1, 1, -1, 1))[: len(mask), 0].clamp(0, 1)


def _highest(mask: Tensor, reach: int, axis: int) -> Tensor:
    """Return the maximum within `reach` on both sides along `axis`.

    The window doubles at each step: the cost is the logarithm of its width.
    """
    window = 2 * reach + 1
    sides = (reach, reach) if axis == 2 else (0, 0, reach, reach)
    highest, width = F.pad(mask, sides), 1
    while width < window:
        step = min(width, window - width)
        rest = highest.shape[axis] - step
        highest = torch.maximum(highest.narrow(axis, 0, rest), highest.narrow(axis, step, rest))
        width += step
    return highest
