"""The parts of RAFT's update that are GPU kernels of our own, where triton is installed.

What each computes is written out in torch beside where it is called (`correlation.Lookup`,
`raft_layers.Unit`); these do it in one pass over memory.
"""

from torch import Tensor

from ...runtime.triton_ready import triton_compiles

_OTHERWISE = "RAFT runs without its GPU kernels"


def usable(values: Tensor) -> bool:
    """Return whether the kernels run on `values`: a GPU, triton, and a torch that exports them."""
    return values.is_cuda and triton_compiles(_OTHERWISE)


def look(
    rows: Tensor,
    centres: Tensor,
    table: Tensor,
    bias: Tensor,
    radius: int,
    size: tuple[int, int],
    beside: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return relu(neighbourhoods * table + bias) of `centres` [B,2,h,w] in `rows` [B,hw,L], as
    [B,C,h,w]. size: of the second map in cells. beside: features [B,D,h,w] and their bias [D],
    which follow as D more channels, with bias and ReLU. See `correlation.Lookup`."""
    from . import kernels_triton  # heavy

    features, more = beside or (None, None)
    found: Tensor = kernels_triton.look(rows, centres, table, bias, features, more, radius, *size)
    return found


def flow_features(flow: Tensor, table: Tensor, bias: Tensor) -> Tensor:
    """Return relu(convolution of 7x7 + bias) of a flow [B,2,h,w] fp32: [B,C,h,w].
    table: [128,C], the weights by plane, line and column, each line and plane of eight."""
    from . import kernels_triton

    found: Tensor = kernels_triton.flow_features(flow, table, bias)
    return found


def delta(head: Tensor, bias: Tensor, table: Tensor, table_bias: Tensor) -> Tensor:
    """Return a convolution of 3x3 to two values, of relu(head [B,C,h,w] + bias): [B,2,h,w] fp32.
    table: [C,32], the weights by line, column and value, then zeros."""
    from . import kernels_triton

    found: Tensor = kernels_triton.delta(head, bias, table, table_bias)
    return found


def unit_input(state: Tensor, motion: Tensor, bias: Tensor, flow: Tensor, width: int) -> Tensor:
    """Return [B,width,h,w]: state, relu(motion + bias), flow (fp32), then zeros."""
    from . import kernels_triton

    found: Tensor = kernels_triton.unit_input(state, motion, bias, flow, width)
    return found


def with_reset(joined: Tensor, gates: Tensor, terms: Tensor) -> Tensor:
    """Return `joined` [B,C,h,w] with its first part, the state [B,S,h,w], times the reset gate:
    the second half of sigmoid(gates [B,2S,h,w] + terms [B,3S,h,w])."""
    from . import kernels_triton

    found: Tensor = kernels_triton.with_reset(joined, gates, terms)
    return found


def blended(state: Tensor, gates: Tensor, candidate: Tensor, terms: Tensor) -> Tensor:
    """Return the new state: `state` [B,S,h,w] moved towards tanh(candidate + terms' last third) by
    the update gate, the first half of sigmoid(gates + terms)."""
    from . import kernels_triton

    found: Tensor = kernels_triton.blended(state, gates, candidate, terms)
    return found


def stem(images: Tensor, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first convolution of both encoders, 7x7, stride 2, no bias: twice [F,C,h,w]
    of images [F,3,H,W], which are 1/2 outside, and the sums of the first, for `affine`.
    table: [7*8*4,2C], the weights by line, column and colour, each line of eight, with zeros."""
    from . import kernels_encoder

    found: tuple[Tensor, Tensor, Tensor] = kernels_encoder.stem(images, table)
    return found


def affine(source: Tensor, sums: Tensor, eps: float) -> Tensor:
    """Return scale and shift [F,2,C] fp32 that normalise each channel of each image of `source`
    [F,C,h,w], from the sums that came with it."""
    from . import kernels_encoder

    found: Tensor = kernels_encoder.affine(source, sums, eps)
    return found


def mix(
    source: Tensor,
    scales: Tensor | None,
    skip: tuple[Tensor, Tensor | None] | None,
    table: Tensor,
    bias: Tensor | None,
    outputs: int,
    *,
    stride: int = 1,
    keep: bool = False,
    sums: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a convolution of 1x1 of relu(source * scale + shift), [F,outputs,h,w]; then the input
    of the product, if kept, and the sums for `affine`, if asked for; else both are empty.

    scales: [F,2,C], [2,C] for all images, or None for `source` as it is
    skip:   added before the product, with a ReLU after it; with scales of its own or None
    table:  the weights with zeros after them, [C,outputs] in powers of two
    """
    from . import kernels_encoder

    other, other_scales = skip or (None, None)
    found: tuple[Tensor, Tensor, Tensor] = kernels_encoder.mix(
        source, scales, other, other_scales, table, bias, outputs, stride, keep, sums
    )
    return found


def spread(
    source: Tensor, scales: Tensor, table: Tensor, outputs: int, stride: int, sums: bool
) -> tuple[Tensor, Tensor]:
    """Return a convolution of 3x3 of relu(source * scale + shift), and the sums as `mix` does.
    table: [3*4*C,outputs], the weights by line, column and channel, in powers of two."""
    from . import kernels_encoder

    found: tuple[Tensor, Tensor] = kernels_encoder.spread(
        source, scales, table, outputs, stride, sums
    )
    return found
