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
GROWTH = 32  # channels that a dense layer adds, for which there are kernels
_FEATURES = 64  # of the rows that it adds them to
_LEAST_OUTPUTS = 16  # of a product


def usable(values: Tensor) -> bool:
    """Return whether the kernels run on `values`: a GPU, 16 bits, and a torch that exports them."""
    return values.is_cuda and values.dtype in _PRECISIONS and triton_compiles(_OTHERWISE)


def takes(features: int, outputs: int) -> bool:
    """Return whether there are kernels for a compact network of these sizes."""
    return features in (32, 64) and outputs <= features


def takes_dense(features: int, growth: int) -> bool:
    """Return whether there are kernels for dense layers of these sizes."""
    return features == _FEATURES and growth == GROWTH


def next_power_of_two(number: int) -> int:
    """Return the least power of two that is at least `number`, 1 or more."""
    return 1 << (number - 1).bit_length()


def table(layer: nn.Conv2d) -> Tensor:
    """Return the weights of a convolution of 3x3 by line, column and channel, then by output:
    [rows,outputs]. Those of images have zeros up to 32 rows."""
    rows = _rows_of(layer.weight)
    return F.pad(rows, (0, 0, 0, 32 - len(rows))) if layer.in_channels == 3 else rows


def last_table(layer: nn.Conv2d, scale: int) -> tuple[Tensor, Tensor]:
    """Return weights and bias of a convolution whose outputs are the pixels of three colours.

    With zeros up to powers of two, of pixels per line and of lines: [rows,outputs], [outputs]
    """
    wide = next_power_of_two(scale)
    lines = next_power_of_two(max(3 * scale, _LEAST_OUTPUTS // wide))

    def padded(values: Tensor) -> Tensor:  # [...,3 * scale**2] -> [...,lines * wide]
        by_line = values.unflatten(-1, (3 * scale, scale))
        return F.pad(by_line, (0, wide - scale, 0, lines - 3 * scale)).flatten(-2)

    return padded(_rows_of(layer.weight)), padded(bias(layer).detach())


def dense_table(layers: Sequence[nn.Conv2d]) -> tuple[Tensor, Tensor]:
    """Return weights and bias of a dense part, five convolutions that each see all before it.

    The weights of channels that are complete at the same time are together, for 64 outputs where
    there are so many, which matrix units multiply faster than 32: of the input for all layers,
    two by two; of the first layer for the second; of both for the others; of the third for the
    fourth; of both for the fifth. Each is [rows,outputs], and they are one row.
    """
    one, two, three, four, five = (layer.weight for layer in layers)

    def of(first: int, last: int, *weights: Tensor) -> Tensor:  # of layers from first to last
        start = _FEATURES + (first - 1) * GROWTH if first else 0
        channels = slice(start, _FEATURES + last * GROWTH)
        return torch.cat([_rows_of(weight[:, channels]) for weight in weights], 1).flatten()

    tables = [
        *(of(0, 0, one, two), of(0, 0, three, four), of(0, 0, five)),
        of(1, 1, two),
        *(of(1, 2, three, four), of(1, 2, five)),
        of(3, 3, four),
        of(3, 4, five),
    ]
    return torch.cat(tables), torch.cat([bias(layer).detach() for layer in layers])


def dense_slopes(slope: float) -> Tensor:
    """Return the slopes of outputs that come two layers by two: the second one's sums, and those of
    the last layer, go on without an activation."""
    slopes = torch.ones(4 * GROWTH + _FEATURES)
    slopes[:GROWTH] = slope
    return slopes


def _rows_of(weight: Tensor) -> Tensor:
    """Return weights [outputs,inputs,3,3] as [9 * inputs,outputs]."""
    return weight.detach().permute(2, 3, 1, 0).flatten(0, 2).contiguous()


def bias(layer: nn.Conv2d) -> Tensor:
    """Return the bias of a convolution that has one."""
    assert layer.bias is not None
    return layer.bias


def first(images: Tensor, table: Tensor, bias: Tensor, slopes: Tensor) -> Tensor:
    """Return the PReLU of a convolution of 3x3 of images [B,3,H,W]: [B,C,H,W]."""
    from . import kernels_triton  # heavy

    found: Tensor = kernels_triton.first(images, table, bias, slopes)
    return found


def middle(x: Tensor, table: Tensor, bias: Tensor, slopes: Tensor, up: int = 1) -> Tensor:
    """Return the PReLU of a convolution of 3x3 of [B,C,H,W] to as many channels: [B,C,H,W].

    up: repeat every pixel of `x` so often in each direction before
    """
    from . import kernels_triton

    found: Tensor = kernels_triton.middle(x, table, bias, slopes, up)
    return found


def last(x: Tensor, images: Tensor | None, table: Tensor, bias: Tensor, scale: int) -> Tensor:
    """Return a convolution of 3x3 of [B,C,H,W] whose outputs are pixels, added to those of the
    images if there are any: [B,3,H*scale,W*scale]."""
    from . import kernels_triton

    found: Tensor = kernels_triton.last(x, images, table, bias, scale)
    return found


def dense(
    x: Tensor, layers: Sequence[tuple[Tensor, Tensor]], slopes: Tensor, part: float
) -> Tensor:
    """Run dense parts of five convolutions each on [B,C,H,W], three of which make a block: the same
    shape.

    layers: weights and bias of each part, see `dense_table`
    slopes: see `dense_slopes`
    part:   of what a dense part, and a block, adds to its input
    """
    from . import kernels_triton

    tables, biases = (list(values) for values in zip(*layers, strict=True))
    found: Tensor = kernels_triton.dense(x, tables, biases, slopes, part)
    return found
