"""Frames that the classes for programs refuse, each with what is said of them."""

import math
from typing import Any

import numpy as np
import torch

VIDEO = torch.zeros(1, 3, 2, 64, 64)

UNUSABLE: list[tuple[Any, str]] = [
    (VIDEO[0, 0], r"expected RGB frames of the shape \[1,3,F,H,W\], .* found \[2, 64, 64\]"),
    (VIDEO[None], r"found \[1, 1, 3, 2, 64, 64\]"),
    (VIDEO.repeat(2, 1, 1, 1, 1), r"one video, \[1,3,F,H,W\], found \[2, .*once for each"),
    (torch.zeros(1, 4, 2, 64, 64), r"expected RGB frames .* found \[1, 4, 2, 64, 64\]"),
    (torch.zeros(1, 2, 64, 64, 3), r"expected RGB frames .* found \[1, 2, 64, 64, 3\]"),
    (torch.zeros(2, 64, 64, 4), r"expected RGB frames .* found \[2, 64, 64, 4\]"),
    (torch.zeros(1, 3, 0, 64, 64), r"no frames, found \[1, 3, 0, 64, 64\]; give at least one"),
    (torch.zeros(0, 64, 64, 3), r"no frames, found \[0, 64, 64, 3\]; give at least one"),
    (torch.zeros(1, 3, 2, 0, 64), r"expected RGB frames .* found \[1, 3, 2, 0, 64\]"),
    (
        VIDEO.int(),
        r"expected floats in 0..1 or uint8, found int32; .*torch.uint8\) for",
    ),
    (VIDEO.bool(), r"expected floats in 0..1 or uint8, found bool; convert .*frames.float\("),
    (VIDEO.to(torch.uint16), r"uint16; convert them: frames.float\(\) / 65535"),
    (VIDEO.to("meta"), "tensors on the device meta have no values"),
    (VIDEO.numpy().astype("i8"), "expected floats in 0..1 or uint8, found int64"),
    (np.array([["a"]]), "expected an array of floats in 0..1 or of uint8, found <U1"),
    ([*VIDEO], r"found a list of Tensor; give all frames as one, e.g. torch.stack\(frames"),
    ([], "found a list of nothing"),
    (None, "expected a torch tensor or a NumPy array, found NoneType"),
    (VIDEO + 255, "expected pixels in 0..1, found 255..255; divide by 255 first"),
    (VIDEO - 1, "expected pixels in 0..1, found -1..-1; map -1..1 to 0..1"),
    (VIDEO + math.nan, "the pixels hold NaN"),
]
