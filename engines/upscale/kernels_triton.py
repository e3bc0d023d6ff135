"""The kernels of upscalers, in triton. Imported only where they run.

Pictures lie in memory as rows of channels, one row per pixel (channels last). A program goes down a
strip of pixels. Every row that it reads counts for three rows of the result, whose sums it carries
along: a pixel is read three times instead of nine. Products are of 16 bits, sums of 32.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

_FIRST = 128  # pixels of a program of the first layer
_STRIP, _ROWS, _WARPS, _STAGES = 128, 32, 8, 2  # of the layers between and the last one
_DENSE_STRIP, _DENSE_ROWS, _DENSE_WARPS, _DENSE_STAGES = 128, 32, 4, 4
_PROGRAMS = 132  # multiprocessors of a large card; with fewer programs, strips are cut shorter
_BLOCK = 32  # channels of a product of dense layers


def _rows(x: Tensor) -> Tensor:
    """Return pictures [B,C,H,W] as rows of channels [B,H,W,C], without a copy if they lie so."""
    return x.permute(0, 2, 3, 1).contiguous()


def _length(rows: int, height: int, strips: int, images: int) -> int:
    """Return how many rows a program goes down."""
    enough = triton.cdiv(height, rows) * strips * images >= 2 * _PROGRAMS
    return rows if enough else max(rows // 2, 8)


@triton.jit  # type: ignore[untyped-decorator]
def _first(  # type: ignore[no-untyped-def]
    images, table, bias, slopes, out, height, width, cells, C: tl.constexpr, TILE: tl.constexpr
):
    image = tl.program_id(1).to(tl.int64)
    cell = tl.program_id(0) * TILE + tl.arange(0, TILE)
    known = cell < cells
    entry = tl.arange(0, 32)[None, :]  # 3 lines of 3 pixels of 3 colours, then zeros
    y = (cell // width)[:, None] + entry // 9 - 1
    x = (cell % width)[:, None] + entry % 9 // 3 - 1
    inside = known[:, None] & (entry < 27) & (y >= 0) & (y < height) & (x >= 0) & (x < width)
    place = images + image * cells * 3 + (y * width + x) * 3 + entry % 3
    values = tl.load(place, mask=inside, other=0.0)
    channel = tl.arange(0, C)
    weights = tl.load(table + tl.arange(0, 32)[:, None] * C + channel[None, :])
    total = tl.dot(values, weights) + tl.load(bias + channel).to(tl.float32)[None, :]
    slope = tl.load(slopes + channel).to(tl.float32)[None, :]
    total = tl.where(total > 0, total, total * slope)
    to = out + (image * cells + cell)[:, None] * C + channel[None, :]
    tl.store(to, total.to(out.dtype.element_ty), mask=known[:, None])


@triton_op("kinograph::upscale_first", mutates_args={})
def first(images: Tensor, table: Tensor, bias: Tensor, slopes: Tensor) -> Tensor:
    """See `kernels.first`."""
    count, _, height, width = images.shape
    channels = table.shape[1]
    out = images.new_empty(count, height, width, channels)
    wrap_triton(_first)[(triton.cdiv(height * width, _FIRST), count)](
        _rows(images),
        table,
        bias,
        slopes,
        out,
        height,
        width,
        height * width,
        C=channels,
        TILE=_FIRST,
        num_warps=4,
    )
    return out.permute(0, 3, 1, 2)


@triton.jit  # type: ignore[untyped-decorator]
def _down(  # type: ignore[no-untyped-def]
    source, table, bias, slopes, images, out, height, width, rows,
    IN: tl.constexpr, OUT: tl.constexpr, USED: tl.constexpr, SCALE: tl.constexpr,
    STRIP: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(2).to(tl.int64)
    x = tl.program_id(0) * STRIP + tl.arange(0, STRIP)
    top = tl.program_id(1) * rows
    bottom = tl.minimum(top + rows, height)
    entry = tl.arange(0, IN)
    channel = tl.arange(0, OUT)
    used = channel < USED
    at = table + entry[:, None] * OUT + channel[None, :]
    above_left = tl.load(at)
    above_middle = tl.load(at + IN * OUT)
    above_right = tl.load(at + 2 * IN * OUT)
    left = tl.load(at + 3 * IN * OUT)
    middle = tl.load(at + 4 * IN * OUT)
    right = tl.load(at + 5 * IN * OUT)
    below_left = tl.load(at + 6 * IN * OUT)
    below_middle = tl.load(at + 7 * IN * OUT)
    below_right = tl.load(at + 8 * IN * OUT)
    shift = tl.load(bias + channel, mask=used, other=0.0).to(tl.float32)[None, :]
    if SCALE == 0:
        slope = tl.load(slopes + channel).to(tl.float32)[None, :]
    upper = tl.zeros((STRIP, OUT), tl.float32)  # sums of the row above the one that is read
    lower = tl.zeros((STRIP, OUT), tl.float32)  # of this row
    for line in range(top - 1, bottom + 1):
        inside = (line >= 0) & (line < height)
        place = source + ((image * height + line) * width + x)[:, None] * IN + entry[None, :]
        one = tl.load(place - IN, mask=(inside & (x >= 1) & (x <= width))[:, None], other=0.0)
        two = tl.load(place, mask=(inside & (x < width))[:, None], other=0.0)
        three = tl.load(place + IN, mask=(inside & (x < width - 1))[:, None], other=0.0)
        done = tl.dot(one, below_left, upper)
        done = tl.dot(two, below_middle, done)
        done = tl.dot(three, below_right, done)
        upper = tl.dot(one, left, lower)
        upper = tl.dot(two, middle, upper)
        upper = tl.dot(three, right, upper)
        lower = tl.dot(one, above_left)
        lower = tl.dot(two, above_middle, lower)
        lower = tl.dot(three, above_right, lower)
        row = line - 1
        value = done + shift
        some = ((row >= top) & (x < width))[:, None] & used[None, :]
        cell = (image * height + row) * width + x
        if SCALE == 0:
            value = tl.where(value > 0, value, value * slope)
            to = out + cell[:, None] * OUT + channel[None, :]
        else:
            colour = channel // (SCALE * SCALE)
            down = channel // SCALE % SCALE
            known = tl.load(images + cell[:, None] * 3 + colour[None, :], mask=some, other=0.0)
            value += known.to(tl.float32)
            over = ((image * 3 + colour) * height + row) * SCALE + down
            wide = (x * SCALE)[:, None] + (channel % SCALE)[None, :]
            to = out + over[None, :] * (width * SCALE) + wide
        tl.store(to, value.to(out.dtype.element_ty), mask=some)


@triton_op("kinograph::upscale_middle", mutates_args={})
def middle(x: Tensor, table: Tensor, bias: Tensor, slopes: Tensor) -> Tensor:
    """See `kernels.middle`."""
    count, channels, height, width = x.shape
    strips = triton.cdiv(width, _STRIP)
    rows = _length(_ROWS, height, strips, count)
    source = _rows(x)
    out = torch.empty_like(source)
    wrap_triton(_down)[(strips, triton.cdiv(height, rows), count)](
        source,
        table,
        bias,
        slopes,
        source,
        out,
        height,
        width,
        rows,
        IN=channels,
        OUT=channels,
        USED=channels,
        SCALE=0,
        STRIP=_STRIP,
        num_warps=_WARPS,
        num_stages=_STAGES,
    )
    return out.permute(0, 3, 1, 2)


@triton_op("kinograph::upscale_last", mutates_args={})
def last(x: Tensor, images: Tensor, table: Tensor, bias: Tensor, scale: int) -> Tensor:
    """See `kernels.last`."""
    count, channels, height, width = x.shape
    strips = triton.cdiv(width, _STRIP)
    rows = _length(_ROWS, height, strips, count)
    out = x.new_empty(count, 3, height * scale, width * scale)
    wrap_triton(_down)[(strips, triton.cdiv(height, rows), count)](
        _rows(x),
        table,
        bias,
        bias,
        _rows(images),
        out,
        height,
        width,
        rows,
        IN=channels,
        OUT=table.shape[1],
        USED=3 * scale**2,
        SCALE=scale,
        STRIP=_STRIP,
        num_warps=_WARPS,
        num_stages=_STAGES,
    )
    return out


@triton.jit  # type: ignore[untyped-decorator]
def _dense(  # type: ignore[no-untyped-def]
    source, table, bias, inner, outer, out, height, width, rows, slope, part,
    IN: tl.constexpr, OUT: tl.constexpr, PITCH: tl.constexpr, BLOCK: tl.constexpr,
    AT: tl.constexpr, INNER: tl.constexpr, OUTER: tl.constexpr, STRIP: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(2).to(tl.int64)
    x = tl.program_id(0) * STRIP + tl.arange(0, STRIP)
    top = tl.program_id(1) * rows
    bottom = tl.minimum(top + rows, height)
    entry = tl.arange(0, BLOCK)
    channel = tl.arange(0, OUT)
    shift = tl.load(bias + channel).to(tl.float32)[None, :]
    weights = table + entry[:, None] * OUT + channel[None, :]
    steps = 3 * (IN // BLOCK)  # of a row: three columns of each block of channels
    done = tl.zeros((STRIP, OUT), tl.float32)  # sums of the row above the one that is read
    upper = tl.zeros((STRIP, OUT), tl.float32)  # of this row
    lower = tl.zeros((STRIP, OUT), tl.float32)  # of the row below
    for step in range((bottom - top + 2) * steps):
        line = top - 1 + step // steps
        at = step % steps
        column = x + at % 3 - 1
        known = (line >= 0) & (line < height) & (column >= 0) & (column < width)
        place = ((image * height + line) * width + column)[:, None] * PITCH + at // 3 * BLOCK
        values = tl.load(source + place + entry[None, :], mask=known[:, None], other=0.0)
        these = weights + (at % 3 * IN + at // 3 * BLOCK) * OUT
        lower = tl.dot(values, tl.load(these), lower)
        upper = tl.dot(values, tl.load(these + 3 * IN * OUT), upper)
        done = tl.dot(values, tl.load(these + 6 * IN * OUT), done)
        if at == steps - 1:
            row = line - 1
            some = ((row >= top) & (x < width))[:, None]
            to = ((image * height + row) * width + x)[:, None] * PITCH + channel[None, :]
            value = done + shift
            if INNER:
                value = value * part + tl.load(inner + to, mask=some, other=0.0).to(tl.float32)
                if OUTER:
                    value = value * part + tl.load(outer + to, mask=some, other=0.0).to(tl.float32)
            else:
                value = tl.where(value > 0, value, value * slope)
            tl.store(out + to + AT, value.to(out.dtype.element_ty), mask=some)
            done = upper
            upper = lower
            lower = tl.zeros((STRIP, OUT), tl.float32)


@triton_op("kinograph::upscale_dense", mutates_args={})
def dense(
    x: Tensor,
    tables: list[Tensor],
    biases: list[Tensor],
    growth: int,
    slope: float,
    part: float,
) -> Tensor:
    """See `kernels.dense`.

    Each dense part has a buffer in which its input lies before what its layers add; the last layer
    writes into the buffer of the next part. Three buffers take turns, so that the input of a block
    is still there at its end.
    """
    count, features, height, width = x.shape
    pitch = features + 4 * growth
    strips = triton.cdiv(width, _DENSE_STRIP)
    rows = _length(_DENSE_ROWS, height, strips, count)
    grid = (strips, triton.cdiv(height, rows), count)
    buffers = [x.new_empty(count, height, width, pitch) for _ in range(3)]
    buffers[0][..., :features] = _rows(x)
    for number, (table, bias) in enumerate(zip(tables, biases, strict=True)):
        part_number, layer = divmod(number, 5)
        here, after = buffers[part_number % 3], buffers[(part_number + 1) % 3]
        known = features + layer * growth
        closes = layer == 4
        wrap_triton(_dense)[grid](
            here,
            table,
            bias,
            here,
            after,
            after if closes else here,
            height,
            width,
            rows,
            slope,
            part,
            IN=known,
            OUT=features if closes else growth,
            PITCH=pitch,
            BLOCK=_BLOCK,
            AT=0 if closes else known,
            INNER=closes,
            OUTER=closes and part_number % 3 == 2,
            STRIP=_DENSE_STRIP,
            num_warps=_DENSE_WARPS,
            num_stages=_DENSE_STAGES,
        )
    return buffers[len(tables) // 5 % 3][..., :features].permute(0, 3, 1, 2).contiguous()
