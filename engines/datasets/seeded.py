"""Random numbers that follow from a seed and an index, whatever is made before or beside it."""

import torch
from torch import Tensor

from ..errors import InputError

_STEP = -7046029254386353131  # 2^64 / golden ratio, odd (SplitMix64: Steele et al., OOPSLA 2014)
_MIX = (-4658895280553007687, -7723592293110705685)  # its two multipliers, as signed numbers
_BITS = 24  # of a float32 in 0..1


def uniform(seed: int, index: Tensor, count: int, stream: int = 0) -> Tensor:
    """Return `count` numbers [F,count] in 0..1, without 1, for each of `index` [F] int64.

    seed:   0..2^31 - 1; with another seed all numbers are others
    stream: 0..999; numbers of different streams are independent

    The same on every device. Raises `InputError` for a seed or a stream out of range.
    """
    if not (0 <= seed < 2**31 and 0 <= stream < 1000):
        raise InputError(f"seed: expected 0..{2**31 - 1}, found {seed}; stream {stream}")
    start = _mixed(_mixed(index + 1) + seed * 1000 + stream)
    counter = torch.arange(1, count + 1, device=index.device)
    bits = _mixed(start[:, None] + counter * _STEP)
    numbers: Tensor = _shifted(bits, 64 - _BITS).float() / 2**_BITS
    return numbers


def normal(seed: int, index: Tensor, count: int, stream: int = 0) -> Tensor:
    """Return `count` numbers [F,count] of the standard normal distribution; see `uniform`."""
    pairs = (count + 1) // 2
    radius, angle = uniform(seed, index, 2 * pairs, stream).double().chunk(2, 1)
    length = (-2 * torch.log1p(-radius)).sqrt()
    angle = angle * 2 * torch.pi
    return torch.cat([length * angle.cos(), length * angle.sin()], 1)[:, :count].float()


def _mixed(bits: Tensor) -> Tensor:
    """Mix the bits of int64 numbers, so that neighbours have nothing in common."""
    for shift, factor in ((30, _MIX[0]), (27, _MIX[1])):
        bits = (bits ^ _shifted(bits, shift)) * factor
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Shift int64 numbers right as if they had no sign."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
