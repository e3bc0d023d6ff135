"""Tiles, each of its own colour, some with joints between them."""

import torch
from torch import Tensor

from ...backgrounds import Backgrounds
from ...seeded import uniform
from .texture import Texture

_STREAM = 140
_CELLS = (6, 40)  # tiles along a side
_MOST = _CELLS[1]


def _make(numbers: Tensor, side: int, seed: int, photographs: Backgrounds) -> Tensor:
    draws = uniform(seed, numbers, 8, _STREAM)[..., None, None]
    colours = uniform(seed, numbers, 3 * _MOST * _MOST, _STREAM + 1).view(-1, 3, _MOST, _MOST)
    low, high = _CELLS
    most = min(high, side / 8)  # no tile below 8 px
    cells = low * (most / low) ** draws[:, 0]
    along = torch.arange(side, device=numbers.device, dtype=torch.float32) + 0.5
    x = (along * cells / side).expand(-1, side, -1)
    y = (along[:, None] * cells / side).expand(-1, -1, side)
    row, column = y.floor(), x.floor()
    place = (row.long() * _MOST + column.long()).clamp(max=_MOST * _MOST - 1)
    tile = colours.flatten(2).gather(2, place.flatten(1)[:, None].expand(-1, 3, -1))
    tile = tile.view(-1, 3, side, side)
    # Two colours, alternately, as strong as a draw says; the tile's own on top.
    even = ((row + column) % 2)[:, None]
    image = tile + (even - tile) * 0.6 * draws[:, 1:2]
    px = side / cells
    joint = 0.5 - torch.maximum((x - column - 0.5).abs(), (y - row - 0.5).abs())
    cover = (joint * px - 0.5 - 2 * draws[:, 2]).clamp(0, 1)[:, None]
    joints = draws[:, 3:4].expand(-1, 3, -1, -1)
    seen = torch.where(draws[:, 4:5] < 0.5, cover, torch.ones_like(cover))
    return joints + (image - joints) * seen


TEXTURE = Texture("checker", share=0.5, make=_make)
