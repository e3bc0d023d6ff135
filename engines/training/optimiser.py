"""The optimiser, with the groups of weights that it treats differently."""

from typing import Any

import torch
from torch import nn

from .settings import Settings

_MOMENTUM = 0.9
_BACKBONE = "backbone."


def optimiser_for(module: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Return the optimiser of a module's weights.

    Each group has `scale`, the part of the step's learning rate that it learns with: that of
    weights below `backbone` is `settings.backbone_lr`. Biases and norms do not decay.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, value in module.named_parameters():
        if value.requires_grad:
            key = name.startswith(_BACKBONE), value.ndim > 1
            groups.setdefault(key, []).append(value)
    told: list[dict[str, Any]] = [
        {
            "params": values,
            "weight_decay": settings.weight_decay if matrix else 0.0,
            "scale": settings.backbone_lr if backbone else 1.0,
        }
        for (backbone, matrix), values in sorted(groups.items())
    ]
    if settings.optimiser == "sgd":
        return torch.optim.SGD(told, lr=settings.lr, momentum=_MOMENTUM, nesterov=True)
    return torch.optim.AdamW(told, lr=settings.lr)
