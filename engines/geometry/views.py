"""Views of a frame: parts of it, upright or turned, that a network looks at one by one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..constants import constant
from ..errors import InputError
from .boxes import corners
from .placement import Box, Size

_OVERLAP = 0.25  # part of a tile that lies in the next one, too
_EDGE = 0.02  # part of a view's side within which a box touches its edge


@dataclass(frozen=True)
class View:
    """A part of frames of `source` (height, width) px.

    box:   top, left, bottom, right in pixels of the frame
    turns: quarter turns counter-clockwise by which the view is turned, 0..3
    """

    source: Size
    box: Box
    turns: int = 0

    @property
    def size(self) -> Size:
        """Height and width of what is seen in pixels."""
        top, left, bottom, right = self.box
        size = (bottom - top, right - left)
        return size[::-1] if self.turns % 2 else size

    def cut(self, frames: Tensor) -> Tensor:
        """Return what is seen of frames [F,H,W,3]: [F,h,w,3]."""
        top, left, bottom, right = self.box
        part = frames[:, top:bottom, left:right]
        return part.rot90(self.turns, (1, 2)) if self.turns else part

    def back(self, points: Tensor) -> Tensor:
        """Map x, y [...,2] from pixels of the view to pixels of the frame."""
        top, left, _, _ = self.box
        corner = constant((left, top), points.dtype, points.device)
        return turned_back(points, self.size, self.turns) + corner

    def cuts_off(self, boxes: Tensor) -> Tensor:
        """Return whether boxes [...,4] in pixels of the frame reach an edge of the view that is
        not one of the frame, [...] bool: the view may show only a part of what they hold."""
        top, left, bottom, right = self.box
        high, wide = self.source
        y, x = _EDGE * (bottom - top), _EDGE * (right - left)
        x0, y0, x1, y1 = boxes.unbind(-1)
        found = torch.zeros_like(x0, dtype=torch.bool)
        found |= (x0 < left + x) & (left > 0)
        found |= (y0 < top + y) & (top > 0)
        found |= (x1 > right - x) & (right < wide)
        found |= (y1 > bottom - y) & (bottom < high)
        return found


def turned_back(points: Tensor, size: Size, turns: int) -> Tensor:
    """Map x, y [...,2] from a picture of `size` (height, width) px, which was turned by `turns`
    quarter turns counter-clockwise, to the picture as it was before."""
    high, wide = size
    x, y = points.unbind(-1)
    back = ((x, y), (high - y, x), (wide - x, high - y), (y, wide - x))
    return torch.stack(back[turns % 4], -1)


def turned_boxes_back(boxes: Tensor, view: View) -> Tensor:
    """Map boxes [...,4] from pixels of the view to pixels of the frame."""
    ends = view.back(corners(boxes))
    return torch.cat([ends.amin(-2), ends.amax(-2)], -1)


def views_of(source: Size, tiles: int = 1, turns: Sequence[int] = (0,)) -> list[View]:
    """Return the views of frames of `source` (height, width) px: the whole, then its tiles, each in
    all of its turns.

    tiles: how many lie along the longer side; 1 = none, the whole frame alone. They are squares
           that overlap by a quarter, as many along the shorter side as it takes

    Raises `InputError` for less than 1.
    """
    if tiles < 1:
        raise InputError(f"tiles: expected at least 1, found {tiles}")
    boxes: list[Box] = [(0, 0, *source)]
    if tiles > 1:
        side = tile_side(source, tiles)
        rows, columns = (_starts(length, side) for length in source)
        high, wide = (min(side, length) for length in source)
        boxes += [(y, x, y + high, x + wide) for y in rows for x in columns]
    return [View(source, box, turn) for turn in turns for box in boxes]


def tile_side(source: Size, tiles: int) -> int:
    """Return the side in pixels of tiles if `tiles` of them lie along the longer side."""
    return math.ceil(max(source) / (tiles - (tiles - 1) * _OVERLAP))


def tiles_for(source: Size, side: float) -> int:
    """Return how many tiles of about `side` px lie along the longer side."""
    return max(1, round((max(source) - _OVERLAP * side) / ((1 - _OVERLAP) * side)))


def _starts(length: int, side: int) -> list[int]:
    """Return where tiles of `side` begin along `length` px, evenly spaced, overlapping enough."""
    if length <= side:
        return [0]
    count = math.ceil((length - _OVERLAP * side) / ((1 - _OVERLAP) * side) - 1e-6)
    return [round(i * (length - side) / max(1, count - 1)) for i in range(count)]
