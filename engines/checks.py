"""Input validation: errors name the expected value, the actual value and the cure."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from .errors import InputError

# Resampling with negative lobes (bicubic, Lanczos) overshoots 0..1 by up to about a tenth.
# Values further out come from a picture in another range (0..255 or -1..1).
OVERSHOOT = 0.1

# Separates the items of a typed list; Chinese and Japanese keyboards type other commas.
COMMA = re.compile("[,\uff0c\u3001]")


def check_shape(name: str, tensor: Tensor, expected: Sequence[int | str]) -> None:
    """Raise `InputError` unless `tensor` has the dimensions `expected`.

    An int is an exact size; a letter names a free one, equal wherever the letter repeats.
    """
    sizes: dict[str, int] = {}
    fits = tensor.ndim == len(expected)
    for want, size in zip(expected, tensor.shape, strict=False):
        exact = sizes.setdefault(want, size) if isinstance(want, str) else want
        fits = fits and exact == size
    if not fits:
        shape = ",".join(str(e) for e in expected)
        raise InputError(f"{name}: expected the shape [{shape}], found {list(tensor.shape)}")


def check_frames(name: str, image: Tensor) -> bool:
    """Raise `InputError` unless `image` is a ComfyUI IMAGE: [F,H,W,3] floats in 0..1, F >= 1.

    Return what `check_range` returns.
    """
    if image.ndim != 4:
        raise InputError(
            f"{name}: expected images of shape [frames, height, width, 3], "
            f"found {list(image.shape)}"
        )
    frames, height, width, channels = image.shape
    if frames == 0:
        raise InputError(f"{name}: no frames; give at least one image")
    if height == 0 or width == 0:
        raise InputError(f"{name}: expected images with pixels, found {width}x{height}")
    if channels == 4:
        raise InputError(
            f"{name}: expected 3 channels (RGB), found 4 (RGB and alpha); "
            "remove the alpha channel first, e.g. with the node Split Image with Alpha"
        )
    if channels != 3:
        raise InputError(
            f"{name}: expected 3 channels (RGB), found {channels}; "
            "turn grey images into RGB first, e.g. with the node Convert Mask to Image"
        )
    return check_range(name, image)


def check_masks(name: str, mask: Tensor) -> bool:
    """Raise `InputError` unless `mask` is a ComfyUI MASK: [F,H,W] floats in 0..1, F >= 1.

    Return what `check_range` returns.
    """
    if mask.ndim != 3:
        raise InputError(
            f"{name}: expected masks of shape [frames, height, width], found {list(mask.shape)}"
        )
    if 0 in mask.shape:
        raise InputError(f"{name}: the mask is empty, shape {list(mask.shape)}")
    return check_range(name, mask)


def check_range(name: str, values: Tensor) -> bool:
    """Raise `InputError` if `values` has NaN, infinity, or values outside 0..1 beyond overshoot.

    Return whether all values are in 0..1 exactly, so that clamping can be skipped.
    """
    if not values.is_floating_point():
        raise InputError(
            f"{name}: expected floating-point values in 0..1, found {values.dtype}; "
            "divide 8-bit values by 255"
        )
    low, high = torch.stack(values.aminmax()).tolist()  # aminmax propagates NaN
    if low != low or high in (float("inf"), float("-inf")) or low == float("-inf"):
        raise InputError(
            f"{name}: the pixels hold NaN or infinity; "
            "look for the node before this one that divides by zero or ran out of fp16 range"
        )
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        cure = "divide by 255" if high > 2 else "map -1..1 to 0..1 by x/2 + 0.5"
        raise InputError(
            f"{name}: expected pixels in 0..1, found {low:.4g}..{high:.4g}; {cure} first"
        )
    return bool(low >= 0 and high <= 1)
