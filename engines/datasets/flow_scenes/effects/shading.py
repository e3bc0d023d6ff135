"""Soft shadows and brighter places that change between the frames, and darker corners that do
not."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .effect import Chosen, Effect

_CELLS = 4
_STRENGTH, _CHANGE = 0.25, 0.12  # standard deviations of the logarithm of the light
_VIGNETTE = 0.6  # most, of the light in the corners
_VIGNETTES = 0.3  # share


def _apply(frames: Tensor, chosen: Chosen) -> Tensor:
    height, width = frames.shape[-2:]
    grid = chosen.normal(2, _CELLS, _CELLS)  # what both share, what the second one has
    both = _STRENGTH * grid[:, :1]
    light = torch.cat([both, both + _CHANGE * grid[:, 1:]], 1)
    light = F.interpolate(light, (height, width), mode="bicubic", align_corners=True)
    draws = chosen.uniform(2)
    dark = _VIGNETTE * draws[:, 0] * (draws[:, 1] < _VIGNETTES)
    x, y = (torch.linspace(-1, 1, n, device=frames.device) for n in (width, height))
    radius = (x.square() + y.square()[:, None]) / 2
    return frames * (light.exp() * (1 - dark[:, None, None, None] * radius))[:, :, None]


EFFECT = Effect("shading", order=20, share=0.35, stream=310, apply=_apply)
