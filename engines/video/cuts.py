"""Detect scene cuts."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from ..words import counted, enumerated

_THUMBNAIL = (36, 64)  # height, width: movement within a shot hardly shows
_BINS = 16
_PICTURE = 0.08  # mean difference of the thumbnails
_COLOURS = 0.30  # part of the pixels whose colours are other ones
_KEPT = 100  # cuts whose frames are kept: a stream may go on for ever


@state_type()
@dataclass(frozen=True)
class Cuts:
    """The cuts of a clip that may come in chunks.

    seen:   frames so far
    count:  cuts so far
    frames: numbers of the frames that show another scene than the one before, the first hundred
    last:   [1,3,36,64] the thumbnail of the last frame; None at the start
    """

    seen: int = 0
    count: int = 0
    frames: tuple[int, ...] = ()
    last: Tensor | None = None

    def after(self, frames: Tensor) -> "tuple[Tensor, Cuts]":
        """Return which of the next frames [F,H,W,3] 0..1 begin a new shot, [F] bool, and the cuts
        known with them."""
        new = scene_cuts(frames, self.last)
        numbers = [self.seen + f for f in new.nonzero().flatten().tolist()]
        return new, Cuts(
            seen=self.seen + len(frames),
            count=self.count + len(numbers),
            frames=(*self.frames, *numbers)[:_KEPT],
            last=thumbnails(frames[-1:]) if len(frames) else self.last,
        )

    @property
    def text(self) -> str:
        """How many there are and where; "" if there is none."""
        if not self.count:
            return ""
        where = enumerated(self.frames, self.count)
        return f"{counted(self.count, 'cut')}, at frame{'s' if self.count > 1 else ''} {where}"


def check_cuts(cuts: Tensor | None, frames: int) -> None:
    """Raise `InputError` unless cuts [F] are those of so many frames, or None."""
    if cuts is not None and len(cuts) != frames:
        raise InputError(f"cuts: expected {counted(frames, 'frame')}, found {len(cuts)}")


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
