"""Warnings about what the pixels show, guessed from a sample of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..masks import SPLIT
from ..normalise import NEUTRAL
from ..preview import Seen

_GREY = 4 / 255  # from neutral: what 8 bits and a video codec make of grey
_SOME = 0.005  # part of all pixels: less is nothing
_MOST = 0.9  # part of an area: more is nearly all of it
_SAMPLES = 2**15  # pixels of a frame that are looked at
_SOFT = 0.25  # part of all pixels with a mask between 0 and 1
_LIKE_FOOTAGE = 0.35  # part of pixels; drawn controls stay below, footage above


@dataclass(frozen=True)
class Content:
    """Parts, 0..1, of the pixels: `generated` of all, the others of a sample.

    generated: with a mask above 0.5; soft: with a mask clearly between 0 and 1
    grey_kept, grey_generated, footage: of the kept, of the generated, of the generated
    """

    generated: float
    soft: float
    grey_kept: float
    grey_generated: float
    footage: float

    @classmethod
    def of(cls, tally: Sequence[int]) -> "Content":
        """Return the shares from counts; see `tally`."""
        generated, pixels, sample, generate, soft, grey_kept, grey_generated, footage = tally
        return cls(
            generated=generated / pixels,
            soft=soft / sample,
            grey_kept=grey_kept / max(1, sample - generate),
            grey_generated=grey_generated / max(1, generate),
            footage=footage / max(1, generate),
        )


def tally(seen: Seen) -> list[int]:
    """Count pixels: generated, all; and of a sample: all, generated, between 0 and 1, grey and
    kept, grey and generated, like footage and generated. The counts of chunks add up."""
    height, width = seen.mask.shape[1:]
    every = max(1, math.ceil(math.sqrt(height * width / _SAMPLES)))
    rows, columns = slice(None, None, every), slice(0, max(1, width - 1), every)
    mask = seen.mask[:, rows, columns]
    pixels = seen.control[:, rows, columns]
    beside = seen.control[:, rows, 1 if width > 1 else 0 :][:, :, columns]
    generate = mask > SPLIT
    grey = ((pixels - NEUTRAL).abs() <= _GREY).all(-1)
    footage = _like_footage(pixels, beside)
    counts = [
        generate.sum(),
        ((mask > 0.05) & (mask < 0.95)).sum(),
        (grey & ~generate).sum(),
        (grey & generate).sum(),
        (footage & generate).sum(),
    ]
    whole = [int((seen.mask > SPLIT).sum()), seen.mask.numel(), mask.numel()]
    return [*whole, *torch.stack(counts).tolist()]


def _like_footage(pixels: Tensor, beside: Tensor) -> Tensor:
    """Return which pixels are coloured, neither dark nor as bright as drawings and flow, and not
    quite the same as the pixel beside them."""
    low, high = pixels.aminmax(dim=-1)
    coloured = high - low > 0.03
    middling = (high > 0.08) & (high < 0.95)
    return coloured & middling & ((pixels - beside).abs().amax(-1) > 1 / 1024)


def content_warnings(content: Content, *, has_reference: bool) -> Iterator[str]:
    """Warn about masks that look inverted, footage where a control should be, and the like."""
    part = content.generated
    if part == 0:
        yield (
            "mask: nothing is generated, it is nowhere above 0.5; the clip comes back as it is. "
            "White means generate: choose what, or invert the mask."
        )
    elif part < 1 and _inverted(content):
        yield (
            "mask: it looks inverted; what it keeps is neutral grey, what it generates holds the "
            "picture. White means generate: invert the mask."
        )
    elif part <= 1 - _SOME and content.grey_kept > _MOST:
        yield (
            "mask: what it keeps is neutral grey, and the model will keep the grey. Let the mask "
            "be white there, or put the picture there."
        )
    if part == 1 and content.grey_generated > 1 - _SOME and not has_reference:
        yield (
            "image: all grey with a mask of ones; nothing guides the model but the prompt. Connect "
            "a control, or a reference."
        )
    if content.footage > _LIKE_FOOTAGE and not _inverted(content):
        if part > 1 - _SOME:
            yield (
                "image: looks like footage, and the mask keeps nothing of it; VACE takes it for a "
                "control such as depth or poses, a hint at most. Mask what is to be generated "
                "with VACE Mask, or turn it into a control."
            )
        else:
            yield (
                "image: what is to be generated still shows footage; VACE takes that for a control "
                "such as depth or poses. Paint it grey with VACE Mask, or put a control there."
            )
    if part and content.soft > _SOFT:
        yield (
            f"mask: {content.soft:.0%} of it is between 0 and 1; VACE was trained with masks of 0 "
            "and 1 and WanVaceToVideo does not split them. Use VACE Mask with binary."
        )


def _inverted(content: Content) -> bool:
    enough = _SOME < content.generated < 1 - _SOME
    return enough and content.grey_kept > _MOST and content.grey_generated < 0.5
