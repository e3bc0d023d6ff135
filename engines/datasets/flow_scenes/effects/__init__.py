"""What cameras and files do to frames, one effect per file."""

import torch
from torch import Tensor

from ....discovery import ordered_values_of
from ...seeded import uniform
from ..bank import Bank
from ..beside import beside
from ..draw import Drawn
from .effect import Chosen, Effect

EFFECTS = ordered_values_of(__name__, "EFFECT", Effect)


def changed(pairs: Drawn, index: Tensor, bank: Bank, seed: int, strength: float) -> Tensor:
    """Return frames [N,2,3,H,W] 0..1 of pairs with these numbers [N], after all effects.

    strength: 0..1, factor of the effects' shares
    """
    frames = torch.stack([pairs.first, pairs.second], 1).clamp_(0, 1)
    motion = torch.stack([pairs.flow, -pairs.back], 1)
    for effect in EFFECTS.values():
        met = uniform(seed, index, 1, effect.stream)[:, 0] < effect.share * strength
        numbers = met.nonzero()[:, 0]
        if len(numbers):
            rows = beside(numbers, frames.device)
            chosen = Chosen(
                index[numbers], motion.index_select(0, rows), bank.noise, seed, effect.stream
            )
            frames.index_copy_(0, rows, effect.apply(frames.index_select(0, rows), chosen))
    return frames.clamp_(0, 1)
