"""The convolutions of upscalers that are GPU kernels of our own, where triton is installed.

What each computes is written out in torch beside where it is called (`families.realesr_compact`,
`families.rrdbnet`). These read each row of pixels once for the three rows that it contributes to,
apply bias, activation and additions on the fly, and never copy channels to join them.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..runtime.triton_ready import triton_compiles

_OTHERWISE = "upscalers run without their GPU kernels"
_PRECISIONS = (torch.float16, torch.bfloat16)
_BLOCK = 32  # channels of a product; networks whose layers are not multiples of it run in torch


def usable(values: Tensor) -> bool:
    """Return whether the kernels run on `values`: a GPU, 16 bits, and a torch that exports them."""
    return values.is_cuda and values.dtype in _PRECISIONS and triton_compiles(_OTHERWISE)


def takes(features: int, outputs: int) -> bool:
    """Return whether there are kernels for a compact network of these sizes."""
    return features in (32, 64) and outputs <= features


def takes_dense(features: int, growth: int) -> bool:
    """Return whether there are kernels for dense layers of these sizes."""
    return features == 64 and growth == _BLOCK


def table(layer: nn.Conv2d) -> Tensor:
    """Return the weights of a convolution of 3x3 by line, column and channel, then by output, with
    zeros up to powers of two: [rows,outputs]."""
    outputs, inputs = layer.weight.shape[:2]
    rows = layer.weight.detach().permute(2, 3, 1, 0).reshape(9 * inputs, outputs)
    wide = 1 << (outputs - 1).bit_length()
    missing = 32 - len(rows) if inputs == 3 else 0
    return F.pad(rows, (0, wide - outputs, 0, missing)).contiguous()


def bias(layer: nn.Conv2d) -> Tensor:
    """Return the bias of a convolution that has one."""
    assert layer.bias is not None
    return layer.bias


def first(images: Tensor, table: Tensor, bias: Tensor, slopes: Tensor) -> Tensor:
    """Return the PReLU of a convolution of 3x3 of images [B,3,H,W]: [B,C,H,W]."""
    from . import kernels_triton  # heavy

    found: Tensor = kernels_triton.first(images, table, bias, slopes)
    return found


def middle(x: Tensor, table: Tensor, bias: Tensor, slopes: Tensor) -> Tensor:
    """Return the PReLU of a convolution of 3x3 of [B,C,H,W] to as many channels: [B,C,H,W]."""
    from . import kernels_triton

    found: Tensor = kernels_triton.middle(x, table, bias, slopes)
    return found


def last(x: Tensor, images: Tensor, table: Tensor, bias: Tensor, scale: int) -> Tensor:
    """Return a convolution of 3x3 of [B,C,H,W] whose outputs are pixels, added to those of the
    images: [B,3,H*scale,W*scale]."""
    from . import kernels_triton

    found: Tensor = kernels_triton.last(x, images, table, bias, scale)
    return found


def dense(
    x: Tensor,
    layers: Sequence[tuple[Tensor, Tensor]],
    growth: int,
    slope: float,
    part: float,
) -> Tensor:
    """Run blocks of three dense parts of five convolutions each on [B,C,H,W]: the same shape.

    layers: table and bias of each convolution, in order
    growth: channels that each of the first four adds
    slope:  of the leaky ReLU after them
    part:   of what a dense part, and a block, adds to its input
    """
    from . import kernels_triton

    tables, biases = (list(values) for values in zip(*layers, strict=True))
    found: Tensor = kernels_triton.dense(x, tables, biases, growth, slope, part)
    return found
