"""Two sets of stripes that cross each other, of changing width, on noise so that they can be told
apart."""

import torch
from torch import Tensor

from ...backgrounds import Backgrounds
from ...seeded import uniform
from . import noise
from .texture import Texture

_STREAM = 120
_WIDTHS = (5.0, 40.0)  # px of a period
_NOISE = 0.5  # part of what is seen


def _make(numbers: Tensor, side: int, seed: int, photographs: Backgrounds) -> Tensor:
    draws = uniform(seed, numbers, 18, _STREAM)[..., None, None]  # [T,18,1,1]
    along = torch.arange(side, device=numbers.device, dtype=torch.float32)
    image = noise.TEXTURE.make(numbers, side, seed + 1, photographs)
    for first in (0, 9):
        angle, width, bend, phase, sharp, _, *colour = draws[:, first : first + 9].unbind(1)
        angle = angle * torch.pi
        x, y = along * angle.cos(), along[:, None] * angle.sin()
        place = x + y + 0.15 * side * bend * torch.sin((along - along[:, None]) * 3 / side)
        low, high = _WIDTHS
        period = low * (high / low) ** width
        wave = torch.sin(place / period * 2 * torch.pi + phase * 6.3) * period / 4
        cover = (wave * (0.3 + 0.7 * sharp) + 0.5).clamp(0, 1)[:, None]
        tint = torch.stack(colour, 1)
        image = image + (tint - image) * cover * _NOISE
    return image.clamp(0, 1)


TEXTURE = Texture("stripes", share=0.7, make=_make)
