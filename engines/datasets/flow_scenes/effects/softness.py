"""Lenses out of focus and enlarged video: a Gaussian blur, not always the same in both frames."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .effect import Chosen, Effect

_SIGMAS = (0.4, 1.6)  # px
_CHANGE = 0.25  # spread of the logarithm of how many times the second one is blurred
_CHANGES = 0.4  # share
_REACH = 4  # px


def _apply(frames: Tensor, chosen: Chosen) -> Tensor:
    draws = chosen.uniform(2)
    low, high = _SIGMAS
    sigma = low * (high / low) ** draws[:, :1]
    change = torch.exp(_CHANGE * chosen.normal(1)) * (draws[:, 1:] < _CHANGES)
    sigma = torch.cat([sigma, torch.where(change > 0, sigma * change, sigma)], 1)  # [P,2]
    away = torch.arange(-_REACH, _REACH + 1, device=frames.device)
    weights = torch.exp(-(away / sigma[..., None]).square() / 2)
    weights = (weights / weights.sum(-1, keepdim=True)).flatten(0, 1)[..., None, None, None]
    image = frames.flatten(0, 1)
    for dim in (-1, -2):
        sides = (_REACH, _REACH, 0, 0) if dim == -1 else (0, 0, _REACH, _REACH)
        wide = F.pad(image, sides, mode="replicate")
        # One tap after the other: the same sum in every batch.
        total = torch.zeros_like(image)
        for tap in range(2 * _REACH + 1):
            total.addcmul_(wide.narrow(dim, tap, image.shape[dim]), weights[:, tap])
        image = total
    return image.view_as(frames)


EFFECT = Effect("softness", order=30, share=0.35, stream=320, apply=_apply)
