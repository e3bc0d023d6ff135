"""How far things move: many do not, most a little, some very far."""

import torch
from torch import Tensor

REFERENCE = (368, 496)  # px, the size of pictures that motions are stated for
FARTHEST = 200.0  # px there

# Kinds of motion: their share, the median in px and the spread (standard deviation of the
# logarithm).
_KINDS = ((0.13, 0.0, 0.0), (0.17, 1.5, 0.8), (0.40, 8.0, 0.7), (0.30, 27.0, 0.85))


def magnitudes(kind: Tensor, spread: Tensor) -> Tensor:
    """Return px at `REFERENCE` from numbers 0..1 and from the standard normal distribution."""
    out = torch.zeros_like(spread)
    before = 0.0
    for share, median, sigma in _KINDS:
        out = torch.where(kind >= before, median * torch.exp(sigma * spread), out)
        before += share
    return out.clamp(max=FARTHEST)
