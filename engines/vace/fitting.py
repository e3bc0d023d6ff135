"""Fit frames of one size to another, piece by piece into the result."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_frames, check_range
from ..geometry.placement import Size, fit_images
from .outside import GENERATE, GREY, Outside

_PIECE = 1 << 24  # values that are resized at a time: what is needed besides source and result


def as_frames(name: str, image: Tensor) -> tuple[Tensor, bool]:
    """Return frames [F,H,W,C], with C = 3, or 1 if grey, and whether all values lie in 0..1.

    image: an IMAGE [F,H,W,3], or grey as depth and edges are: [F,H,W,1] or a MASK [F,H,W]

    Raises `InputError` for anything else, NaN, integers and other ranges.
    """
    if image.ndim == 3 and image.shape[-1] not in (3, 4):  # those are one picture [H,W,C]
        image = image[..., None]
    grey = image.ndim == 4 and image.shape[-1] == 1
    if not grey:
        return image, check_frames(name, image)
    check_frames(name, image[:1].expand(-1, -1, -1, 3))  # the shape, at little cost
    return image, check_range(name, image)


@dataclass(frozen=True)
class Fitting:
    """From frames of the size `source` to float32 frames of the size `target`, see `FITS`; beside
    them and behind them is `outside`."""

    source: Size
    target: Size
    fit: str
    outside: Outside = GREY

    def images(
        self,
        images: Tensor,
        indices: Tensor,
        length: int,
        *,
        exact: bool,
        pad: bool,
        progress: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Return the frames `indices` of images [N,H,W,C] as [length,h,w,3], filled up with the
        last one or, with `pad`, with what is outside.

        exact:    all values lie in 0..1. Frames that are to stay as they are are not copied.
        progress: called with the number of frames done since the last call
        """
        run = _run(indices)
        if exact and self.source == self.target and run is not None and len(indices) == length:
            colour = images.shape[-1] == 3
            taken = images[run].float()
            return taken if colour else taken.expand(-1, -1, -1, 3).contiguous()
        out = images.new_empty((length, *self.target, 3), dtype=torch.float32)

        def fit(part: Tensor) -> Tensor:
            return fit_images(part.float(), self.target, self.fit, fill=self.outside.image)

        _write(out, images, indices, fit, self.outside.image if pad else None, progress)
        return out

    def masks(
        self, masks: Tensor | None, indices: Tensor, length: int, *, like: Tensor, pad: bool
    ) -> Tensor:
        """Return the masks of `indices` from [N,h,w], [1,h,w] or None as [length,H,W], stretched
        onto the source first.

        None: ones. Borders and padding are what is outside. On the device of `like`.
        """
        outside = self.outside.mask
        out = like.new_full((length, *self.target), GENERATE, dtype=torch.float32)
        if masks is None:
            if outside == GENERATE:
                return out
            masks = like.new_ones((1, *self.source), dtype=torch.float32)

        def fit(part: Tensor) -> Tensor:
            part = fit_images(part.to(out), self.source, "stretch", fill=outside)
            return fit_images(part, self.target, self.fit, fill=outside)

        if masks.shape[0] == 1:
            out[: len(indices)] = fit(masks[..., None])[..., 0].clamp(0, 1)
            _fill(out, len(indices), outside if pad else None)
        else:
            _write(out[..., None], masks[..., None], indices, fit, outside if pad else None)
        return out


def _write(
    out: Tensor,
    images: Tensor,
    indices: Tensor,
    convert: Callable[[Tensor], Tensor],
    fill: float | None,
    progress: Callable[[int], None] | None = None,
) -> None:
    largest = max(images[:1].numel(), out[:1].numel())
    size = max(1, _PIECE // max(1, largest))
    at = 0
    for piece in indices.split(size):
        run = _run(piece)
        taken = images[run] if run else images.index_select(0, piece.to(images.device))
        # Resizing may round past 1. A grey piece [n,h,w,1] fills all three channels.
        out[at : at + len(piece)] = convert(taken).clamp(0, 1)
        at += len(piece)
        if progress is not None:
            progress(len(piece))
    _fill(out, len(indices), fill)


def _fill(out: Tensor, start: int, value: float | None) -> None:
    if start < out.shape[0]:
        out[start:] = out[start - 1] if value is None else value


def _run(indices: Tensor) -> slice | None:
    """Return the frames as a slice if they are consecutive."""
    if len(indices) == 0 or not bool((indices.diff() == 1).all()):
        return None
    first = int(indices[0])
    return slice(first, first + len(indices))
