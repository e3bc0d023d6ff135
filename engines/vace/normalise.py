"""Normalise control images to what WanVaceToVideo takes without changing it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..checks import check_masks
from ..errors import InputError
from ..geometry.placement import Size
from .choices import LENGTH_MODES
from .control import VaceControl
from .fitting import Fitting, as_frames
from .outside import GENERATE, NEUTRAL
from .placement import ClipPlacement
from .presets import PRESETS
from .reference import fit_if_any
from .resample import spread
from .settings import ClipSettings

__all__ = [
    "GENERATE",
    "LENGTH_MODES",
    "NEUTRAL",
    "SIDE",
    "STEP",
    "Normalised",
    "check_mask_count",
    "normalise",
    "normalise_as",
]

_WAN = PRESETS["none"]
SIDE = _WAN.side  # multiple of both sides: the VAE's 8 times the transformer's patch of 2
STEP = _WAN.step  # the VAE takes the first frame, then four at a time: 4n+1


@dataclass(frozen=True)
class Normalised:
    """Images [F,H,W,3] and masks [F,H,W] in 0..1 for WanVaceToVideo, F as the preset has it.

    placement:  where the frames came from
    references: [R,H,W,3] 0..1, or None
    """

    image: Tensor
    mask: Tensor
    placement: ClipPlacement
    references: Tensor | None = None

    @property
    def length(self) -> int:
        return self.image.shape[0]

    @property
    def size(self) -> Size:
        return self.image.shape[1], self.image.shape[2]

    def control(self) -> VaceControl:
        """Return the same as tensors in -1..1."""
        return VaceControl(
            video=_signed(self.image),
            mask=self.mask[None, None].contiguous(),
            references=None if self.references is None else _signed(self.references),
            placement=self.placement,
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
    preset: str = "none",
    fps: float = 0.0,
    target_fps: float = 0.0,
    references: Tensor | None = None,
    reference_masks: Tensor | None = None,
    progress: Callable[[int], None] | None = None,
) -> Normalised:
    """Bring control images and masks to a size, a rate and a length that VACE takes as they are.

    image:         [F,H,W,3] 0..1; grey ones ([F,H,W,1] or [F,H,W]) are repeated for three channels
    mask:          [F,h,w] or [1,h,w] 0..1, 1 = generate; None = all ones. One mask serves every
                   frame. It is stretched onto the image first, whatever its size.
    width, height: multiples of the preset's side. One 0: follows from the other and the image's
                   shape. Both 0: `reference_size` of the preset
    length:        one that the preset has, counted at the new rate; 0 = the nearest that the
                   clip's own length and `length_mode` give
    length_mode:   what fills missing frames: the last one again ("repeat_last") or neutral grey
                   with a mask of ones ("pad"); "cut" drops frames instead. "spread" takes frames
                   evenly over the whole clip as VACE itself does; length 0 is then the clip's own,
                   rounded down, at most what the preset's model was trained for
    fit:           see `geometry.FITS`; borders are neutral grey with a mask of ones
    preset:        one of `PRESETS`
    fps:           frames per second of the clip; 0 = unknown, every frame is used
    target_fps:    frames per second to come to by leaving frames out or showing them again; 0 = the
                   preset's, if the clip has more
    references, reference_masks: see `fit_references`
    progress:      called with the number of images done since the last call

    Without a preset and rates, and where the size fits, the images are the given ones, not copies.
    Raises `InputError` for what VACE would have to crop, pad or rescale itself.
    """
    settings = ClipSettings(width, height, length, length_mode, fit, preset, fps, target_fps)
    ready = normalise_as(settings, image, mask, progress=progress)
    fitted = fit_if_any(references, ready.size, reference_masks)
    if fitted is None:
        return ready
    return replace(ready, references=fitted.to(image.device))


def normalise_as(
    settings: ClipSettings,
    image: Tensor,
    mask: Tensor | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> Normalised:
    """Normalise as `settings` say; the other arguments are those of `normalise`.

    Where black is outside, borders and frames that fill up are black in image and mask, and a
    mask that is not given is white where the image lies.
    """
    image, exact = as_frames("image", image)
    frames, *source = image.shape[:3]
    check_mask_count(mask, frames)
    size = (source[0], source[1])
    fitting = Fitting(size, settings.size_for(size), settings.fit, settings.outside)
    indices, wanted, rate = _taken(settings, frames, fitting.target)
    pad = settings.fills
    ready = fitting.images(image, indices, wanted, exact=exact, pad=pad, progress=progress)
    masks = fitting.masks(mask, indices, wanted, like=image, pad=pad)
    placement = ClipPlacement(
        source=fitting.source,
        target=fitting.target,
        fit=settings.fit,
        frame_count=frames,
        indices=fill_up(indices, wanted, pad=pad),
        kept=len(indices),
        step=settings.model.step,
        fps=settings.fps,
        rate=rate,
        offset=settings.model.offset,
        preset=settings.preset,
    )
    return Normalised(ready, masks, placement)


def check_mask_count(mask: Tensor | None, frames: int) -> None:
    """Raise `InputError` unless there are masks for every frame, one for all, or none."""
    if mask is None:
        return
    check_masks("mask", mask)
    if mask.shape[0] not in (1, frames):
        raise InputError(
            f"mask: expected 1 mask or {frames} (one for each image), found {mask.shape[0]}"
        )


def fill_up(indices: Tensor, length: int, *, pad: bool) -> Tensor:
    """Return `ClipPlacement.indices` with what fills them up behind, [length] int64."""
    more = length - len(indices)
    filling = indices.new_full((more,), -1) if pad else indices[-1:].expand(more)
    return torch.cat([indices, filling])


def _taken(settings: ClipSettings, frames: int, target: Size) -> tuple[Tensor, int, float]:
    """Return the source frames of the prepared ones, how many are wanted, and their rate."""
    if settings.length_mode == "spread":
        wanted = settings.length_for(frames, target)
        rate = settings.fps * wanted / frames if settings.fps else settings.rate
        return spread(frames, wanted), wanted, rate
    sampling = settings.sampling
    available = frames if sampling is None else sampling.count(frames)
    wanted = settings.length_for(available, target)
    kept = min(wanted, available)
    indices = torch.arange(kept) if sampling is None else sampling.indices(0, kept)
    return indices, wanted, settings.rate


def _signed(images: Tensor) -> Tensor:
    """Map images [F,H,W,3] in 0..1 to [1,3,F,H,W] in -1..1."""
    return torch.add(-1.0, images.movedim(-1, 0)[None], alpha=2.0)
