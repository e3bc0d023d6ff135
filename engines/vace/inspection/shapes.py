"""Warnings about numbers of frames, sizes, ranges and rates."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ...words import counted
from ..presets import Preset

_OUT = 1e-3  # beyond 0..1: rounding
_RATIO = 0.02  # two shapes that differ by less are the same


def length_warnings(frames: int, model: Preset) -> Iterator[str]:
    """Warn about a number of frames that is none of the model's lengths."""
    below = model.below(frames)
    if below == frames:
        return
    if not below:
        yield (
            f"length: {counted(frames, 'frame')}, the model makes {model.offset} or more "
            f"({model.lengths}). Set {model.offset}, e.g. with VACE Normalise."
        )
        return
    yield (
        f"length: {frames} frames are not {model.lengths}; the model makes {below} of them and "
        f"drops the rest. Set {below} or {below + model.step}, e.g. with VACE Normalise."
    )


def count_warnings(frames: int, image: Tensor, mask: Tensor | None) -> Iterator[str]:
    """Warn about images and masks that are not as many as the frames of the model."""
    images = image.shape[0]
    if images > frames:
        yield (
            f"image: {counted(images, 'frame')} for a length of {frames}; the last "
            f"{images - frames} are not "
            "used. Set the length to that of the clip, or cut the clip on purpose."
        )
    elif images < frames:
        yield (
            f"image: {counted(images, 'frame')} for a length of {frames}; the {frames - images} "
            "missing ones "
            "are grey and left to the model. Lower the length, or let VACE Normalise repeat the "
            "last frame."
        )
    if mask is None or mask.shape[0] == images:
        return
    masks = mask.shape[0]
    if masks == 1 and frames > 1:
        yield (
            f"mask: one mask for {frames} frames; it holds for the first only, all others are "
            "generated. Put VACE Mask or VACE Normalise before, which repeat it."
        )
    elif masks < frames:
        yield (
            f"mask: {counted(masks, 'mask')} for {counted(images, 'image')}; frames without a "
            "mask are generated. Give "
            "one mask for each image."
        )
    else:
        yield (
            f"mask: {counted(masks, 'mask')} for {counted(images, 'image')}; they may not belong "
            "to the same frames. "
            "Give one mask for each image."
        )


def side_warnings(height: int, width: int, side: int) -> Iterator[str]:
    """Warn about sides that are not multiples of `side`."""
    for name, value in (("width", width), ("height", height)):
        if value % side:
            below = max(side, value // side * side)
            yield (
                f"{name}: {value} is not a multiple of {side}; the model cuts or refuses it. Set "
                f"{below} or {below + side}."
            )


def shape_warnings(
    size: tuple[int, int], image: Tensor, mask: Tensor | None, reference: Tensor | None
) -> Iterator[str]:
    """Warn about images, masks and references of another shape than the model is given."""
    source = (image.shape[1], image.shape[2])
    if source != size:
        lost = 1 - _left_over(source, size)
        cut = f" and loses {lost:.0%} of its edges" if lost > _RATIO else ""
        yield (
            f"image: {_by(source)} for {_by(size)}; it is resized without smoothing{cut}. Bring it "
            "to size with VACE Normalise."
        )
    if image.shape[-1] == 4:
        yield "image: 4 channels; the alpha channel is dropped. Remove it before."
    if mask is not None:
        own = (mask.shape[1], mask.shape[2])
        if 1 - _left_over(own, source) > _RATIO:
            yield (
                f"mask: {_by(own)} is another shape than the image's {_by(source)}; each is cut by "
                "itself and the mask lies beside what it was made for. Make it from these images."
            )
    if reference is None:
        return
    own = (reference.shape[1], reference.shape[2])
    lost = 1 - _left_over(own, size)
    if lost > _RATIO:
        yield (
            f"reference: {_by(own)} for {_by(size)}; it loses {lost:.0%} of its edges. Put it on "
            "white of that shape, as VACE's own code does."
        )
    if reference.shape[0] > 1:
        yield f"reference: {reference.shape[0]} images; only the first is used. Connect one."


def value_warnings(name: str, values: Tensor) -> Iterator[str]:
    """Warn about values that are not floats in 0..1; two are enough: the lowest and the highest."""
    if not values.is_floating_point():
        yield (
            f"{name}: {values.dtype} instead of numbers in 0..1; values above 1 are far too "
            "bright. Divide by 255."
        )
        return
    low, high = torch.stack(values.aminmax()).tolist()  # aminmax propagates NaN
    if not (math.isfinite(low) and math.isfinite(high)):
        yield (
            f"{name}: holds NaN or infinity; the VAE spreads it over the whole clip. Look for the "
            "node before this one that divides by zero or ran out of fp16 range."
        )
    elif low < -_OUT or high > 1 + _OUT:
        cure = "Clamp them"
        if high > 2:
            cure = "Divide by 255"
        elif low < -0.1:
            cure = "Map -1..1 to 0..1 by x/2 + 0.5"
        yield (
            f"{name}: values of {low:.3g}..{high:.3g} lie outside 0..1, where the model knows "
            f"none. {cure}."
        )


def rate_warnings(fps: float, model: float) -> Iterator[str]:
    """Warn about a clip of another frame rate than the model makes; 0: not known."""
    if fps and model and abs(fps - model) > 1:
        way = "slower" if fps > model else "faster"
        yield (
            f"fps: {fps:g} frames per second, the model makes {model:g}; everything moves "
            f"{max(fps / model, model / fps):.2g} times {way}. Resample the clip to {model:g}."
        )


def _left_over(source: tuple[int, int], target: tuple[int, int]) -> float:
    """Return the part of `source` that is left after cropping it to the aspect ratio of
    `target`."""
    shape, wanted = source[1] / source[0], target[1] / target[0]
    return min(shape, wanted) / max(shape, wanted)


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
