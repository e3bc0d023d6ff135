"""Which examples each step sees, which follows from the seed and the step alone."""

import torch
from torch import Tensor


def examples(count: int, seed: int, start: int, stop: int) -> Tensor:
    """Return the examples [stop - start] at these places of an endless sequence.

    The sequence is one random order of all `count` examples after the other.
    """
    epochs = range(start // count, (stop - 1) // count + 1)
    orders = [
        torch.randperm(count, generator=torch.Generator().manual_seed(seed + 1_000_003 * epoch))
        for epoch in epochs
    ]
    first = epochs[0] * count
    return torch.cat(orders)[start - first : stop - first]
