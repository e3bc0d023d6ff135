"""Triangles as spans: what each covers of every line of samples.

A pixel has N samples, each on a separate line, so that N lines make a row of pixels. Spans are
half open and their ends are computed from an edge alone, so that triangles with a common edge share
the samples along it without gaps and without overlap.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry.placement import Size
from .columns import columns

# Offsets in 1/N px of the sample on each line of a pixel: no two samples share a column either.
# N is a power of two.
PATTERNS: dict[int, tuple[int, ...]] = {
    1: (0,),
    4: (1, 3, 0, 2),
    8: (4, 1, 6, 3, 0, 7, 2, 5),
    16: (6, 13, 2, 9, 15, 4, 11, 0, 7, 14, 3, 10, 1, 12, 5, 8),
}
_MOST_SPANS = 2**28  # of a batch: several GB


@dataclass(frozen=True)
class Spans:
    """R spans of K triangles, in the order of the triangles.

    triangle: [R] int64
    row:      [R] int64, the row of pixels, counted over all frames
    line:     [R] int64, 0..N-1, which sample of the row's pixels
    first:    [R] int64, the first column
    count:    [R] int64, how many columns, perhaps none
    x, y:     [R] px, the place of the first sample, double precision
    """

    triangle: Tensor
    row: Tensor
    line: Tensor
    first: Tensor
    count: Tensor
    x: Tensor
    y: Tensor


def spans_of(corners: Tensor, frame: Tensor, size: Size, samples: int) -> Spans:
    """Return the spans of triangles with `corners` [3,3,K]: x px, y px and anything.

    frame:   [K] int64
    samples: of each pixel, one of `PATTERNS`

    Raises `InputError` for more spans than memory holds.
    """
    height, width = size
    upper, middle, lower = _by_height(corners)
    # Lines whose sample lies within [top, bottom): the same rounding for every triangle.
    ends_y = torch.stack([upper[1], middle[1], lower[1]])
    top, between, bottom = (ends_y * samples - 0.5).ceil().clamp(0, height * samples).long()
    lines = bottom - top
    ends = lines.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    if total > _MOST_SPANS:
        raise InputError(
            f"meshes: expected at most {_MOST_SPANS:,} lines of triangles at once, "
            f"found {total:,}; draw fewer frames at once, a simpler mesh, or smaller pictures"
        )
    device = corners.device
    triangle = torch.repeat_interleave(lines, output_size=total)
    whole = columns(torch.stack([top - (ends - lines), between, frame * height]), triangle)
    number = torch.arange(total, device=device) + whole[0]

    # Each line cuts the long edge, and one of the two short ones.
    count = corners.shape[2]
    starts, ends_at = torch.stack([upper, upper, middle]), torch.stack([lower, middle, lower])
    edges = _edges(starts, ends_at)  # [x dx/dy,edge,K]
    long, short = edges[:, 0], edges[:, 1:].flatten(1)
    y = (number.to(corners.dtype) + 0.5) / samples
    long_x, long_slope = columns(long, triangle)
    short_x, short_slope = columns(short, triangle + (number >= whole[1]) * count)
    one, other = torch.addcmul(long_x, y, long_slope), torch.addcmul(short_x, y, short_slope)
    row, line = pixel_of(number, samples), number & (samples - 1)
    offset = _offsets(samples, corners.dtype, device).index_select(0, line)
    first = torch.minimum(one, other).sub_(offset).ceil_().clamp_(0, width)
    last = torch.maximum(one, other).sub_(offset).ceil_().clamp_(0, width)  # exclusive
    return Spans(
        triangle=triangle,
        row=row + whole[2],
        line=line,
        first=first.long(),
        count=(last - first).long(),
        x=first + offset,
        y=y,
    )


def pixel_of(numbers: Tensor, samples: int) -> Tensor:
    """Return int64 numbers of lines or of samples, divided by `samples`, one of `PATTERNS`."""
    return numbers >> (samples.bit_length() - 1)  # many times as fast as a division


def _by_height(corners: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return x, y [2,K] of the upper, the middle and the lower corner."""
    a, b, c = corners[:, :2]
    a, b = _ordered(a, b)
    b, c = _ordered(b, c)
    a, b = _ordered(a, b)
    return a, b, c


def _ordered(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    swap = b[1] < a[1]
    return torch.where(swap, b, a), torch.where(swap, a, b)


def _edges(upper: Tensor, lower: Tensor) -> Tensor:
    """Return [2,E,K]: x where y is 0, and dx/dy, of edges between [E,2,K]; level ones cut no
    line."""
    across, fall = (lower - upper).unbind(1)
    slope = across / torch.where(fall > 0, fall, 1.0)
    return torch.stack([upper[:, 0] - upper[:, 1] * slope, slope])


@cache
def _offsets(samples: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return where in a pixel [N] the sample of each line is, px."""
    with torch.inference_mode(False):
        return (torch.tensor(PATTERNS[samples], dtype=dtype, device=device) + 0.5) / samples
