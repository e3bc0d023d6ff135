"""Parts of two other textures of photographs beside each other, with soft and hard borders."""

import torch.nn.functional as F
from torch import Tensor

from ...backgrounds import Backgrounds
from ...seeded import uniform
from . import noise, photographs
from .texture import Texture

_STREAM = 160
_CELLS = 16  # along a side, that borders follow


def _make(numbers: Tensor, side: int, seed: int, pictures: Backgrounds) -> Tensor:
    draws = uniform(seed, numbers, 2, _STREAM)[..., None, None]
    # Photograph i and one that comes later by 1 to 7, so that all pairs meet.
    later = numbers + 1 + numbers % 7
    one, other = (
        photographs.TEXTURE.make(which, side, seed + n, pictures)
        for n, which in enumerate((numbers, later), start=3)
    )
    level = noise.TEXTURE.make(numbers, side, seed + 5, pictures).mean(1, keepdim=True)
    coarse = F.interpolate(F.adaptive_avg_pool2d(level, _CELLS), (side, side), mode="bicubic")
    middle = coarse.flatten(1).median(1).values[:, None, None, None]
    spread = coarse.flatten(1).std(1)[:, None, None, None].clamp(min=1e-3)
    part = ((coarse - middle) / spread * (2 + 10 * draws[:, :1]) + 0.5).clamp(0, 1)
    colour = 0.5 + draws[:, 1:]
    return one + (other * colour.clamp(max=1) - one) * part


TEXTURE = Texture("collages", share=2.5, make=_make)
