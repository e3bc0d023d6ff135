"""Weights averaged over the steps, which predict better than the last ones."""

import copy

import torch
from torch import nn

_SOONER = 10  # steps: (1 + n) / (10 + n) is the decay where `decay` is still larger


class Average:
    """A copy of a module whose weights follow those of the module.

    module: the copy, in evaluation mode
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards `module` after its step 0, 1, ...; whole numbers are copied."""
        decay = min(self.decay, (1 + step) / (_SOONER + step))
        ours, theirs = self.module.state_dict(), module.state_dict()
        floats = [name for name, value in ours.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [ours[name] for name in floats], [theirs[name] for name in floats], 1 - decay
        )
        for name in ours.keys() - set(floats):
            ours[name].copy_(theirs[name])
