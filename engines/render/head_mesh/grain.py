"""Noise that depends on nothing but a seed and the place in the picture, on every device."""

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF


def grain(place: Tensor, seed: Tensor) -> Tensor:
    """Return noise of mean 0 and standard deviation 1 at pixels.

    place: [U] int64, the number of the pixel in its picture
    seed:  [U] int64 of the picture
    """
    mixed = _mixed(_mixed(place) ^ seed)
    more = _mixed(mixed ^ 0x5BD1E995)
    # The sum of eight bytes is close to a normal distribution.
    total = torch.zeros_like(mixed)
    for bits in (mixed, more):
        for shift in (0, 8, 16, 24):
            total = total + ((bits >> shift) & 255)
    variance = 8 * (256**2 - 1) / 12
    noise: Tensor = (total.float() - 8 * 127.5) / variance**0.5
    return noise


def _mixed(number: Tensor) -> Tensor:
    """Return 32 bits that look random, different for different numbers below 2^32 (lowbias32)."""
    x = number & _MASK
    x = x ^ (x >> 16)
    x = (x * 0x21F0AAAD) & _MASK
    x = x ^ (x >> 15)
    x = (x * 0x735A2D97) & _MASK
    return x ^ (x >> 15)
