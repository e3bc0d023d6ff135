"""The parts of RAFT's update that are GPU kernels of our own, where triton is installed.

What each computes is written out in torch beside where it is called (`correlation.Lookup`,
`raft_layers.Unit`); these do it in one pass over memory.
"""

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor


def usable(values: Tensor) -> bool:
    """Whether the kernels run on `values`: on a GPU, with triton, in a torch that exports them."""
    return values.is_cuda and _there()


@cache
def _there() -> bool:
    return find_spec("triton") is not None and hasattr(torch.library, "triton_op")


def look(
    rows: Tensor,
    centres: Tensor,
    table: Tensor,
    bias: Tensor,
    radius: int,
    size: tuple[int, int],
) -> Tensor:
    """relu(neighbourhoods * table + bias) of `centres` [B,2,h,w] in `rows` [B,hw,L]: [B,C,h,w].
    size: of the second map in cells. See `correlation.Lookup`."""
    from . import kernels_triton  # heavy

    found: Tensor = kernels_triton.look(rows, centres, table, bias, radius, *size)
    return found


def unit_input(state: Tensor, motion: Tensor, bias: Tensor, flow: Tensor, width: int) -> Tensor:
    """[B,width,h,w]: state, relu(motion + bias), flow (fp32), then zeros."""
    from . import kernels_triton

    found: Tensor = kernels_triton.unit_input(state, motion, bias, flow, width)
    return found


def with_reset(joined: Tensor, gates: Tensor, terms: Tensor) -> Tensor:
    """`joined` [B,C,h,w] with its first part, the state [B,S,h,w], multiplied with the reset gate:
    the second half of sigmoid(gates [B,2S,h,w] + terms [B,3S,h,w])."""
    from . import kernels_triton

    found: Tensor = kernels_triton.with_reset(joined, gates, terms)
    return found


def blended(state: Tensor, gates: Tensor, candidate: Tensor, terms: Tensor) -> Tensor:
    """The new state: from `state` [B,S,h,w] towards tanh(candidate + terms' last third), by the
    update gate, the first half of sigmoid(gates + terms)."""
    from . import kernels_triton

    found: Tensor = kernels_triton.blended(state, gates, candidate, terms)
    return found
