"""The look-up of a training and its gradient, in triton. Imported only where it runs.

The products of a cell are a row of their own, and each of a cell's points reads the same fraction
between columns. So the gradient of a column is a sum of at most four of the cell's own values,
which one thread adds to what earlier updates left there: no sum depends on chance.
"""

import triton
import triton.language as tl
from torch import Tensor

_CELLS = 8  # per program


@triton.jit  # type: ignore[untyped-decorator]
def _placed(  # type: ignore[no-untyped-def]
    centres, cells, count, height, width, RADIUS: tl.constexpr, CELLS: tl.constexpr
):
    """The cells of a program, the level's size and first column, and the corner of each patch."""
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    level = tl.program_id(1)
    known = cell < count
    at = cell // cells * 2 * cells + cell % cells  # of x in centres [B,2,h,w]; y is a plane further
    first = 0
    for before in tl.static_range(3):
        first += tl.where(before < level, (height >> before) * (width >> before), 0)
    high = height >> level
    wide = width >> level
    scale = 1.0 / (1 << level).to(tl.float32)
    x = tl.load(centres + at, mask=known, other=0.0) * scale
    y = tl.load(centres + at + cells, mask=known, other=0.0) * scale
    # Everything is zero further out; a far centre must not overflow an integer.
    x = tl.minimum(tl.maximum(x, -2.0 * RADIUS - 2.0), wide + 2.0 * RADIUS + 1.0)
    y = tl.minimum(tl.maximum(y, -2.0 * RADIUS - 2.0), high + 2.0 * RADIUS + 1.0)
    left = tl.floor(x)
    top = tl.floor(y)
    column = left.to(tl.int32) - RADIUS
    line = top.to(tl.int32) - RADIUS
    return cell, known, first, high, wide, column, line, x - left, y - top


@triton.jit
def _at(row, line, column, high, wide, used):  # type: ignore[no-untyped-def]
    inside = used & (line >= 0) & (line < high) & (column >= 0) & (column < wide)
    return tl.load(row + line * wide + column, mask=inside, other=0.0).to(tl.float32)


@triton.jit  # type: ignore[untyped-decorator]
def _see(  # type: ignore[no-untyped-def]
    rows, centres, out, cells, columns, count, height, width,
    RADIUS: tl.constexpr, ENTRIES: tl.constexpr, WIDTH: tl.constexpr, CELLS: tl.constexpr,
):  # fmt: skip
    cell, known, first, high, wide, column, line, part_x, part_y = _placed(
        centres, cells, count, height, width, RADIUS, CELLS
    )
    side: tl.constexpr = 2 * RADIUS + 1
    entry = tl.arange(0, ENTRIES)[None, :]
    used = known[:, None] & (entry < side * side)
    x = column[:, None] + entry % side
    y = line[:, None] + entry // side
    row = rows + cell.to(tl.int64)[:, None] * columns + first
    part = part_x[:, None]
    one = _at(row, y, x, high, wide, used)
    above = one + (_at(row, y, x + 1, high, wide, used) - one) * part
    two = _at(row, y + 1, x, high, wide, used)
    below = two + (_at(row, y + 1, x + 1, high, wide, used) - two) * part
    found = above + (below - above) * part_y[:, None]
    # Zeros behind the last level fill up the width.
    level = tl.program_id(1)
    most = tl.where(level == 3, WIDTH - 3 * side * side, side * side)
    place = out + cell.to(tl.int64)[:, None] * WIDTH + level * side * side + entry
    tl.store(place, found.to(out.dtype.element_ty), mask=known[:, None] & (entry < most))


@triton.jit  # type: ignore[untyped-decorator]
def _learn(  # type: ignore[no-untyped-def]
    gradient, centres, total, cells, columns, count, height, width,
    RADIUS: tl.constexpr, ENTRIES: tl.constexpr, WIDTH: tl.constexpr, CELLS: tl.constexpr,
):  # fmt: skip
    cell, known, first, high, wide, column, line, part_x, part_y = _placed(
        centres, cells, count, height, width, RADIUS, CELLS
    )
    side: tl.constexpr = 2 * RADIUS + 1
    across: tl.constexpr = side + 1
    entry = tl.arange(0, ENTRIES)[None, :]  # of the patch
    right = entry % across
    down = entry // across
    used = known[:, None] & (entry < across * across)
    from_ = gradient + cell.to(tl.int64)[:, None] * WIDTH + tl.program_id(1) * side * side
    part_x = part_x[:, None]
    part_y = part_y[:, None]
    found = _at(from_, down, right, side, side, used) * (1 - part_x) * (1 - part_y)
    found += _at(from_, down, right - 1, side, side, used) * part_x * (1 - part_y)
    found += _at(from_, down - 1, right, side, side, used) * (1 - part_x) * part_y
    found += _at(from_, down - 1, right - 1, side, side, used) * part_x * part_y
    x = column[:, None] + right
    y = line[:, None] + down
    inside = used & (y >= 0) & (y < high) & (x >= 0) & (x < wide)
    place = total + cell.to(tl.int64)[:, None] * columns + first + y * wide + x
    before = tl.load(place, mask=inside, other=0.0).to(tl.float32)
    tl.store(place, (before + found).to(total.dtype.element_ty), mask=inside)


def see(rows: Tensor, centres: Tensor, radius: int, size: tuple[int, int], width: int) -> Tensor:
    """Return `correlation.neighbourhoods` in the type of `rows`, filled up with zeros:
    [B,h,w,width]."""
    batch, _, high, wide = centres.shape
    out = rows.new_empty(batch, high, wide, width)
    _launch(_see, rows, centres, out, out, radius, size, 2 * radius + 1)
    return out


def learn(
    gradient: Tensor, centres: Tensor, total: Tensor, radius: int, size: tuple[int, int]
) -> None:
    """Add to `total` [B,hw,L] the gradient of the rows that `see` read, from that of what it
    returned, [B,h,w,width]."""
    _launch(_learn, gradient, centres, total, gradient, radius, size, 2 * radius + 2)


def _launch(
    kernel: "triton.JITFunction[object]",
    source: Tensor,
    centres: Tensor,
    to: Tensor,
    seen: Tensor,
    radius: int,
    size: tuple[int, int],
    across: int,
) -> None:
    rows = source if to is seen else to
    count = seen.shape[0] * seen.shape[1] * seen.shape[2]
    kernel[(triton.cdiv(count, _CELLS), 4)](
        source.contiguous(),
        centres.contiguous(),
        to,
        centres.shape[2] * centres.shape[3],
        rows.shape[-1],
        count,
        *size,
        RADIUS=radius,
        ENTRIES=triton.next_power_of_2(across * across),
        WIDTH=seen.shape[-1],
        CELLS=_CELLS,
    )
