"""Noise with amplitudes as a power of the frequency, as natural pictures have: 1 / f^0.7..1.6."""

import torch
from torch import Tensor

from ...backgrounds import Backgrounds
from ...seeded import normal, uniform
from .texture import Texture

_STREAM = 110
_FINEST = 0.35  # cycles per px
_CONTRAST = (0.12, 0.25)  # standard deviation
_COLOUR = 0.6  # strength of the noise of each channel; that of the common one is 1


def _make(numbers: Tensor, side: int, seed: int, photographs: Backgrounds) -> Tensor:
    draws = uniform(seed, numbers, 4, _STREAM)[..., None, None]
    white = normal(seed, numbers, 4 * side * side, _STREAM + 1).view(-1, 4, side, side)
    white = white[:, :1] + _COLOUR * white[:, 1:]
    cycles = torch.hypot(
        torch.fft.fftfreq(side, device=numbers.device)[:, None],
        torch.fft.rfftfreq(side, device=numbers.device),
    )
    coarsest = 1 / (side * (0.15 + 0.85 * draws[:, 0]))  # [T,1,1]
    power = 0.7 + 0.9 * draws[:, 1]
    amplitude = cycles.clamp(min=1e-6) ** -power * (cycles >= coarsest) * (cycles <= _FINEST)
    image = torch.fft.irfft2(torch.fft.rfft2(white) * amplitude[:, None], (side, side))
    low, high = _CONTRAST
    contrast = low + (high - low) * draws[:, 2:3]
    image = image / image.std((1, 2, 3), keepdim=True) * contrast + 0.5
    colours: Tensor = image.clamp(0, 1)
    return colours


TEXTURE = Texture("noise", share=1.5, make=_make)
