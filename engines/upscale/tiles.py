"""Tiles: parts of a frame that a network takes one by one, and the frame put together again."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..errors import InputError


@dataclass(frozen=True)
class Tiling:
    """How a frame is divided into tiles of one size, which overlap.

    size:    height and width of the frame, px
    tile:    height and width of the tiles, at most those of the frame
    overlap: a tile sees at least so many pixels beyond the part of the frame that it gives
    blend:   whether tiles fade into each other over what both see, or are cut

    Raises `InputError` for tiles in which nothing is left between the overlaps.
    """

    size: tuple[int, int]
    tile: tuple[int, int]
    overlap: int
    blend: bool

    def __post_init__(self) -> None:
        for side, part in zip(self.size, self.tile, strict=True):
            if part < side and part <= 2 * self.overlap:
                raise InputError(
                    f"tile: expected more than twice the overlap of {self.overlap} px, found "
                    f"{part}; raise tile or lower overlap"
                )

    @property
    def starts(self) -> tuple[list[int], list[int]]:
        """First rows and first columns of the tiles, evenly spread."""
        rows, columns = (
            _starts(side, part, self.overlap)
            for side, part in zip(self.size, self.tile, strict=True)
        )
        return rows, columns

    @property
    def count(self) -> int:
        """Tiles of a frame."""
        rows, columns = self.starts
        return len(rows) * len(columns)

    def cut(self, frames: Tensor) -> Tensor:
        """Return the tiles [N*count,C,h,w] of frames [N,C,H,W], those of a frame together."""
        rows, columns = self.starts
        if self.count == 1:
            return frames
        high, wide = self.tile
        tiles = [frames[..., y : y + high, x : x + wide] for y in rows for x in columns]
        return torch.stack(tiles, 1).flatten(0, 1)

    def join(self, tiles: Tensor, scale: int) -> Tensor:
        """Return frames [N,C,H*scale,W*scale] of tiles [N*count,C,h*scale,w*scale]."""
        if self.count == 1:
            return tiles
        tiles = tiles.unflatten(0, (-1, self.count))
        height, width = (side * scale for side in self.size)
        frames = tiles.new_zeros(len(tiles), tiles.shape[2], height, width)
        if self.blend:
            weights = [self._weights(axis, scale, tiles) for axis in (0, 1)]
        for number, (row, column) in enumerate(self._places()):
            high, wide = (part * scale for part in self.tile)
            y, x = (starts[i] * scale for starts, i in zip(self.starts, (row, column), strict=True))
            whole = frames[..., y : y + high, x : x + wide]
            tile = tiles[:, number]
            if self.blend:
                whole += tile * weights[0][row][:, None] * weights[1][column]
                continue
            top, bottom = self._kept(0, row, scale)
            left, right = self._kept(1, column, scale)
            whole[..., top:bottom, left:right] = tile[..., top:bottom, left:right]
        return frames

    def _places(self) -> Iterator[tuple[int, int]]:
        rows, columns = self.starts
        for row in range(len(rows)):
            for column in range(len(columns)):
                yield row, column

    def _kept(self, axis: int, number: int, scale: int) -> tuple[int, int]:
        """Return the part of a tile, in pixels of the result, that is kept where tiles are cut: up
        to the middle of what it and its neighbour see."""
        starts, part = self.starts[axis], self.tile[axis]
        cuts = [0, *((a + part + b) * scale // 2 for a, b in pairwise(starts))]
        cuts.append(self.size[axis] * scale)
        at = starts[number] * scale
        return cuts[number] - at, cuts[number + 1] - at

    def _weights(self, axis: int, scale: int, like: Tensor) -> list[Tensor]:
        """Return the weights of each tile's rows or columns; those of all tiles add up to 1."""
        starts = [start * scale for start in self.starts[axis]]
        part, side = self.tile[axis] * scale, self.size[axis] * scale
        ramps = []
        for number, start in enumerate(starts):
            ramp = torch.ones(part, dtype=torch.float64)
            if number:
                ramp = _up(ramp, starts[number - 1] + part - start)
            if number + 1 < len(starts):
                ramp = _up(ramp.flip(0), start + part - starts[number + 1]).flip(0)
            ramps.append(ramp)
        total = torch.zeros(side, dtype=torch.float64)
        for start, ramp in zip(starts, ramps, strict=True):
            total[start : start + part] += ramp
        return [
            (ramp / total[start : start + part]).to(like)
            for start, ramp in zip(starts, ramps, strict=True)
        ]


def _starts(side: int, part: int, overlap: int) -> list[int]:
    """Return where tiles of length `part` start, such that they cover `side`."""
    if part >= side:
        return [0]
    count = -(-(side - 2 * overlap) // (part - 2 * overlap))
    return [round(number * (side - part) / (count - 1)) for number in range(count)]


def _up(ramp: Tensor, shared: int) -> Tensor:
    """Return the weights rising from 0 over the pixels shared with the tile before.

    They stay 0 over the outer quarter, where a tile sees the least.
    """
    steps = (torch.arange(shared, dtype=torch.float64) + 0.5) / shared
    ramp = ramp.clone()
    ramp[:shared] *= ((steps - 0.25) * 2).clamp(0, 1)
    return ramp
