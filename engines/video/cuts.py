"""Detect scene cuts."""

import torch
import torch.nn.functional as F
from torch import Tensor

_THUMBNAIL = (36, 64)  # height, width: movement within a shot hardly shows
_BINS = 16
_PICTURE = 0.08  # mean difference of the thumbnails
_COLOURS = 0.30  # part of the pixels whose colours are other ones


def thumbnails(frames: Tensor) -> Tensor:
    """Shrink frames [F,H,W,3] to what `scene_cuts` compares, [F,3,36,64]."""
    images = frames.movedim(-1, 1).float()
    return F.interpolate(images, size=_THUMBNAIL, mode="area")


def scene_cuts(frames: Tensor, before: Tensor | None = None) -> Tensor:
    """Return which frames [F,H,W,3] 0..1 show another scene than the frame before, [F] bool.

    before: [1,3,36,64] the thumbnail of the frame before the first, of the chunk before

    Both the picture and its colours must have changed: fast movement changes the one, a flash or
    a fade the other.
    """
    small = thumbnails(frames)
    first = small[:1] if before is None else before.to(small)
    small = torch.cat([first, small])
    picture = (small[1:] - small[:-1]).abs().mean((1, 2, 3))
    histograms = _histograms(small)
    colours = (histograms[1:] - histograms[:-1]).abs().sum((1, 2)) / 2 / 3
    return (picture > _PICTURE) & (colours > _COLOURS)


def _histograms(small: Tensor) -> Tensor:
    """Return the colour histograms [F,3,bins], in parts of the pixels."""
    values = (small.flatten(2).clamp(0, 1) * _BINS).long().clamp(max=_BINS - 1)
    counts = torch.zeros(*values.shape[:2], _BINS, device=small.device)
    counts.scatter_add_(2, values, torch.ones_like(values, dtype=counts.dtype))
    return counts / values.shape[2]
