"""Parts of photographs, from all of one to a detail at its own resolution."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...backgrounds import Backgrounds
from ...seeded import uniform
from .texture import Texture

_STREAM = 100
_LEAST = 0.3  # of a photograph's shorter side, in a part at least


def _make(numbers: Tensor, side: int, seed: int, photographs: Backgrounds) -> Tensor:
    draws = uniform(seed, numbers.cpu(), 5, _STREAM)
    parts = []
    for place, draw in enumerate(draws.tolist()):
        # Every photograph as often as any other.
        picture = photographs.pictures[int(numbers[place]) % len(photographs.pictures)]
        parts.append(_part(picture.to(numbers.device), draw, side))
    return torch.cat(parts)


def _part(picture: Tensor, draw: list[float], side: int) -> Tensor:
    """Return a square part [1,3,side,side] of a picture [h,w,3] uint8, of any place and size."""
    height, width = picture.shape[:2]
    shorter = min(height, width)
    least = min(shorter, max(int(_LEAST * shorter), side))  # nothing is enlarged needlessly
    length = least + round(draw[0] * (shorter - least))
    top, left = (
        int(at * (whole - length)) for at, whole in zip(draw[1:3], (height, width), strict=True)
    )
    image = picture[top : top + length, left : left + length].movedim(-1, 0)[None].float() / 255
    image = F.interpolate(image, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
    image = image.flip(-1) if draw[3] < 0.5 else image
    return image.transpose(-1, -2) if draw[4] < 0.3 else image


TEXTURE = Texture("photographs", share=4.5, make=_make)
