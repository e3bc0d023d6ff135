"""Plain convex shapes and discs over each other, with sharp corners and a little grain."""

import torch
from torch import Tensor

from ...backgrounds import Backgrounds
from ...seeded import uniform
from . import noise
from .texture import Texture

_STREAM = 130
_COUNT = 60  # shapes
_EDGES = 5
_GRAIN = 0.3  # of the contrast of the noise
_SIZES = (0.015, 0.2)  # of the side


def _make(numbers: Tensor, side: int, seed: int, photographs: Backgrounds) -> Tensor:
    each = 7 + 2 * _EDGES
    draws = uniform(seed, numbers, _COUNT * each + 3, _STREAM)[..., None, None]
    along = torch.arange(side, device=numbers.device, dtype=torch.float32)
    image = draws[:, -3:].expand(-1, -1, side, side)
    low, high = _SIZES
    for number in range(_COUNT):
        own = draws[:, number * each : (number + 1) * each]
        x, y = along - own[:, 0] * side, along[:, None] - own[:, 1] * side  # [T,1,S], [T,S,1]
        # The largest are at the back.
        extent = side * low * (high / low) ** (own[:, 2] * (1 - 0.7 * number / _COUNT))
        inside = torch.hypot(x, y)
        for edge in range(_EDGES):
            angle = (edge + own[:, 7 + edge]) * (2 * torch.pi / _EDGES)
            reach = 0.3 + 0.7 * own[:, 7 + _EDGES + edge]
            away = x * angle.cos() + y * angle.sin() + extent * (1 - reach)
            inside = torch.where(own[:, 3] < 0.2, inside, torch.maximum(inside * 0.6, away))
        cover = (extent - inside + 0.5).clamp(0, 1)[:, None]
        image = image + (own[:, 4:7] - image) * cover
    # Plain areas alone would not tell how they move.
    grain = noise.TEXTURE.make(numbers, side, seed + 2, photographs)
    return (image + _GRAIN * (grain - 0.5)).clamp(0, 1)


TEXTURE = Texture("polygons", share=0.8, make=_make)
