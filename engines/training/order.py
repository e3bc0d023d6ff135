"""Which examples each step sees, which follows from the seed and the step alone."""

from functools import lru_cache

import torch
from torch import Tensor


def examples(count: int, seed: int, start: int, stop: int) -> Tensor:
    """Return the examples [stop - start] at these places of an endless sequence.

    The sequence is one random order of all `count` examples after the other; with a count of 0,
    each example comes once, in order.
    """
    if count == 0:
        return torch.arange(start, stop)
    epochs = range(start // count, (stop - 1) // count + 1)
    orders = [_order(count, seed, epoch) for epoch in epochs]
    first = epochs[0] * count
    return torch.cat(orders)[start - first : stop - first]


@lru_cache(4)
def _order(count: int, seed: int, epoch: int) -> Tensor:
    random = torch.Generator().manual_seed(seed + 1_000_003 * epoch)
    return torch.randperm(count, generator=random)
