"""The kernels of upscalers, in triton. Imported only where they run.

Pictures lie in memory as rows of channels, one row per pixel (channels last). A program goes down a
strip of pixels. Every row that it reads counts for three rows of the result, whose sums it carries
along: a pixel is read three times instead of nine. At the end of a strip it goes on with the next.
Products are of 16 bits, sums of 32.
"""

from functools import cache

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

from .kernels import GROWTH, next_power_of_two

_FIRST = 128  # pixels of a program of the first layer
# Of the others. Two programs of 64 pixels, four warps each, share a multiprocessor: one multiplies
# while the other waits. Pipelined loads would take the shared memory of the second one.
_STRIP, _WARPS, _STAGES = 64, 4, 1
_SHARED = 97 * 2**10  # bytes that such a program takes, of 64 channels
_MOST = 3  # of them on a multiprocessor, for whose registers there is room
_LEAST = 10  # rows that a program goes down, as it reads two more
_INTERPRETED = 5  # programs of a layer where triton interprets its kernels
_STEP = 3  # rows of a loop's step, after which the sums are in the same registers again


def _rows(x: Tensor) -> Tensor:
    """Return pictures [B,C,H,W] as rows of channels [B,H,W,C], without a copy if they lie so."""
    return x.permute(0, 2, 3, 1).contiguous()


def _grid(at_once: int, height: int, columns: int, tables: int) -> tuple[tuple[int, int], int, int]:
    """Return a grid of programs, of which so many run `at_once`; how many rows each goes down; and
    how many rows count as one column, at least `height`.

    columns: strips of all images; the rows of one come after those of the other
    tables:  of as many convolutions
    """
    programs = max(1, at_once // tables)
    rows = _stepped(triton.cdiv(height * columns, programs))
    tall = height
    # Sizes are symbols, and have no order, where PyTorch compiles for any.
    if all(isinstance(size, int) for size in (height, columns)):
        rows, tall = _shares(programs, height, columns)
    return (triton.cdiv(tall * columns, rows), tables), rows, tall


@cache
def _shares(programs: int, height: int, columns: int) -> tuple[int, int]:
    """Return how many rows a program goes down, and how many count as one column.

    Either all programs go down equally many rows, from one column to the next, so that all that run
    at once are done at the same time; or columns are cut into parts, which saves them the rows
    around a second part.
    """
    shared = _stepped(triton.cdiv(height * columns, programs))
    best, least = (shared, height), shared + 2 * _STEP
    for parts in range(1, triton.cdiv(height, _LEAST) + 1):
        rows = _stepped(triton.cdiv(height, parts))
        time = triton.cdiv(parts * columns, programs) * (rows + 2)
        if time <= least:
            best, least = (rows, rows * triton.cdiv(height, rows)), time
    return best


def _stepped(rows: int) -> int:
    """Return the next number of rows that, with the two around them, makes whole steps."""
    stepped: int = triton.cdiv(rows + 2, _STEP) * _STEP - 2
    return stepped


@cache
def _at_once(device: torch.device, channels: int) -> int:
    """Return how many programs for so many channels a device runs at once."""
    if device.type != "cuda":
        return _INTERPRETED
    card = torch.cuda.get_device_properties(device)
    room = card.shared_memory_per_multiprocessor // (_SHARED * channels // 64)
    return card.multi_processor_count * max(1, min(room, 128 // channels, _MOST))


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
def _weights(at, pitch: tl.constexpr):  # type: ignore[no-untyped-def]
    return (
        tl.load(at),
        tl.load(at + pitch),
        tl.load(at + 2 * pitch),
        tl.load(at + 3 * pitch),
        tl.load(at + 4 * pitch),
        tl.load(at + 5 * pitch),
        tl.load(at + 6 * pitch),
        tl.load(at + 7 * pitch),
        tl.load(at + 8 * pitch),
    )


# The sums of three rows: `done` of the row above the one that is read, which is complete with it,
# `upper` of this row, `lower` of the row below. Loops that use it go three rows a step, which
# brings the three back to the registers that they came from; with one row a step they would be
# copied, for which every product has to be waited for.
@triton.jit
def _sums(  # type: ignore[no-untyped-def]
    one, two, three, above_left, above_middle, above_right, left, middle, right,
    below_left, below_middle, below_right, upper, lower,
):  # fmt: skip
    done = tl.dot(one, below_left, upper)
    done = tl.dot(two, below_middle, done)
    done = tl.dot(three, below_right, done)
    upper = tl.dot(one, left, lower)
    upper = tl.dot(two, middle, upper)
    upper = tl.dot(three, right, upper)
    lower = tl.dot(one, above_left)
    lower = tl.dot(two, above_middle, lower)
    lower = tl.dot(three, above_right, lower)
    return done, upper, lower


@triton.jit  # type: ignore[untyped-decorator]
def _down(  # type: ignore[no-untyped-def]
    source, table, bias, slopes, more, inner, outer, out, height, width, tall, columns, rows, part,
    IN: tl.constexpr, OUT: tl.constexpr, PITCH: tl.constexpr, TO: tl.constexpr,
    UP: tl.constexpr, ADDED: tl.constexpr, KEPT: tl.constexpr, STRIP: tl.constexpr,
    AHEAD: tl.constexpr,
):  # fmt: skip
    number = tl.program_id(1)
    entry = tl.arange(0, IN)
    channel = tl.arange(0, OUT)
    at = table + number * (9 * IN * OUT) + entry[:, None] * OUT + channel[None, :]
    (
        above_left, above_middle, above_right, left, middle, right,
        below_left, below_middle, below_right,
    ) = _weights(at, IN * OUT)  # fmt: skip
    shift = tl.load(bias + number * OUT + channel).to(tl.float32)[None, :]
    slope = tl.load(slopes + number * OUT + channel).to(tl.float32)[None, :]
    strips = tl.cdiv(width, STRIP)
    first = tl.program_id(0) * rows
    last = tl.minimum(first + rows, columns * tall)
    for column in range(first // tall, tl.cdiv(last, tall)):
        image = (column // strips).to(tl.int64)
        x = column % strips * STRIP + tl.arange(0, STRIP)
        top = tl.maximum(first - column * tall, 0)
        bottom = tl.minimum(last - column * tall, height)
        upper = tl.zeros((STRIP, OUT), tl.float32)
        lower = tl.zeros((STRIP, OUT), tl.float32)
        if AHEAD:  # one row comes while the one before it is multiplied, and its neighbours with it
            place = source + ((image * height + top - 1) * width + x)[:, None] * PITCH
            coming = tl.load(
                place + entry[None, :], mask=((top > 0) & (x < width))[:, None], other=0.0
            )
        for begin in range(top - 1, bottom + 1, 3):
            for step in tl.static_range(3):
                line = begin + step
                inside = (line >= 0) & (line < height)
                if UP == 1:
                    place = source + ((image * height + line) * width + x)[:, None] * PITCH
                    before = place - PITCH
                    after = place + PITCH
                else:  # every pixel counts for UP x UP of them
                    start = (image * (height // UP) + line // UP) * (width // UP)
                    place = source + (start + x // UP)[:, None] * PITCH
                    before = source + (start + (x - 1) // UP)[:, None] * PITCH
                    after = source + (start + (x + 1) // UP)[:, None] * PITCH
                one = inside & (x >= 1) & (x <= width)
                two = inside & (x < width)
                three = inside & (x < width - 1)
                one = tl.load(before + entry[None, :], mask=one[:, None], other=0.0)
                if AHEAD:
                    # It is zero there already, but without this the compiler would move what comes
                    # to shared memory at once, and wait for it.
                    two = tl.where(two[:, None], coming, tl.zeros_like(coming))
                    follows = (line + 1 < height) & (x < width)
                    coming = tl.load(
                        place + width * PITCH + entry[None, :], mask=follows[:, None], other=0.0
                    )
                else:
                    two = tl.load(place + entry[None, :], mask=two[:, None], other=0.0)
                three = tl.load(after + entry[None, :], mask=three[:, None], other=0.0)
                done, upper, lower = _sums(
                    one, two, three, above_left, above_middle, above_right, left, middle, right,
                    below_left, below_middle, below_right, upper, lower,
                )  # fmt: skip
                row = line - 1
                some = ((row >= top) & (row < bottom) & (x < width))[:, None]
                cell = (image * height + row) * width + x
                value = done + shift
                if ADDED > 0:  # what other channels have given
                    known = more + cell[:, None] * ADDED + number * OUT + channel[None, :]
                    value += tl.load(known, mask=some, other=0.0).to(tl.float32)
                value = tl.where(value > 0, value, value * slope)
                if KEPT > 0:  # added in part to what was there
                    kept = cell[:, None] * OUT + channel[None, :]
                    value *= part
                    value += tl.load(inner + kept, mask=some, other=0.0).to(tl.float32)
                    if KEPT > 1:
                        value *= part
                        value += tl.load(outer + kept, mask=some, other=0.0).to(tl.float32)
                to = out + cell[:, None] * TO + number * OUT + channel[None, :]
                tl.store(to, value.to(out.dtype.element_ty), mask=some)


# As `_down`; the outputs of a pixel are its SCALE lines of SCALE pixels of each colour, every line
# WIDE outputs long.
@triton.jit  # type: ignore[untyped-decorator]
def _last(  # type: ignore[no-untyped-def]
    source, table, bias, images, out, height, width, tall, columns, rows,
    IN: tl.constexpr, OUT: tl.constexpr, SCALE: tl.constexpr, WIDE: tl.constexpr,
    ADDED: tl.constexpr, STRIP: tl.constexpr,
):  # fmt: skip
    lines: tl.constexpr = OUT // WIDE
    entry = tl.arange(0, IN)
    channel = tl.arange(0, OUT)
    at = table + entry[:, None] * OUT + channel[None, :]
    (
        above_left, above_middle, above_right, left, middle, right,
        below_left, below_middle, below_right,
    ) = _weights(at, IN * OUT)  # fmt: skip
    shift = tl.load(bias + channel).to(tl.float32)[None, :]
    colour = tl.arange(0, 16)
    # 1 where an output is of a colour: the product adds the image's pixels to their enlargements.
    same = (colour[:, None] == channel[None, :] // (WIDE * SCALE)).to(source.dtype.element_ty)
    which = tl.arange(0, lines)  # colour * SCALE + line within the pixel
    strips = tl.cdiv(width, STRIP)
    first = tl.program_id(0) * rows
    last = tl.minimum(first + rows, columns * tall)
    for column in range(first // tall, tl.cdiv(last, tall)):
        image = (column // strips).to(tl.int64)
        x = column % strips * STRIP + tl.arange(0, STRIP)
        top = tl.maximum(first - column * tall, 0)
        bottom = tl.minimum(last - column * tall, height)
        across = column % strips * (STRIP * WIDE) + tl.arange(0, STRIP * WIDE)
        written = across < width * WIDE
        if WIDE > SCALE:
            written &= across % WIDE < SCALE
            across = across // WIDE * SCALE + across % WIDE
        written = (which < 3 * SCALE)[:, None] & written[None, :]
        upper = tl.zeros((STRIP, OUT), tl.float32)
        lower = tl.zeros((STRIP, OUT), tl.float32)
        for begin in range(top - 1, bottom + 1, 3):
            for step in tl.static_range(3):
                line = begin + step
                inside = (line >= 0) & (line < height)
                place = (
                    source + ((image * height + line) * width + x)[:, None] * IN + entry[None, :]
                )
                one = tl.load(
                    place - IN, mask=(inside & (x >= 1) & (x <= width))[:, None], other=0.0
                )
                two = tl.load(place, mask=(inside & (x < width))[:, None], other=0.0)
                three = tl.load(place + IN, mask=(inside & (x < width - 1))[:, None], other=0.0)
                done, upper, lower = _sums(
                    one, two, three, above_left, above_middle, above_right, left, middle, right,
                    below_left, below_middle, below_right, upper, lower,
                )  # fmt: skip
                row = line - 1
                some = (row >= top) & (row < bottom)
                if ADDED:
                    known = (
                        images + ((image * height + row) * width + x)[:, None] * 3 + colour[None, :]
                    )
                    seen = some & (x < width)[:, None] & (colour < 3)[None, :]
                    done = tl.dot(tl.load(known, mask=seen, other=0.0), same, done)
                value = (done + shift).to(out.dtype.element_ty)
                # Line by line, so that neighbours in memory are written together.
                value = tl.permute(tl.reshape(value, (STRIP, lines, WIDE)), (1, 0, 2))
                value = tl.reshape(value, (lines, STRIP * WIDE))
                over = ((image * 3 + which // SCALE) * height + row) * SCALE + which % SCALE
                to = out + over[:, None] * (width * SCALE) + across[None, :]
                tl.store(to, value, mask=written & some)


def _run(
    source: Tensor,
    table: Tensor,
    bias: Tensor,
    slopes: Tensor,
    out: Tensor,
    *,
    inputs: int,
    outputs: int,
    up: int = 1,
    more: Tensor | None = None,
    kept: tuple[Tensor, ...] = (),
    part: float = 1.0,
) -> None:
    """Run convolutions of rows of channels `source` [B,H,W,*] into `out` [B,H,W,*].

    Both may be the first of some channels within rows of more. table, bias and slopes are those of
    one convolution after the other, whose outputs come after one another.

    inputs, outputs: channels of one convolution
    up:   every pixel of `source` counts for so many in each direction
    more: [B,H,W,*] what the convolutions are added to, before their activation
    kept: what a `part` of the result is added to; the second one, a `part` of that
    """
    count, height, width, _ = out.shape
    tables = bias.shape[0] // outputs
    columns = triton.cdiv(width, _STRIP) * count
    grid, rows, tall = _grid(_at_once(out.device, inputs), height, columns, tables)
    wrap_triton(_down)[grid](
        source,
        table,
        bias,
        slopes,
        out if more is None else more,
        kept[0] if kept else out,
        kept[1] if len(kept) > 1 else out,
        out,
        height,
        width,
        tall,
        columns,
        rows,
        part,
        IN=inputs,
        OUT=outputs,
        PITCH=source.stride(2),
        TO=out.stride(2),
        UP=up,
        ADDED=0 if more is None else more.stride(2),
        KEPT=len(kept),
        STRIP=_STRIP,
        AHEAD=up == 1 and more is None,  # otherwise there are no registers left
        num_warps=_WARPS,
        num_stages=_STAGES,
    )


@triton_op("kinograph::upscale_middle", mutates_args={})
def middle(x: Tensor, table: Tensor, bias: Tensor, slopes: Tensor, up: int) -> Tensor:
    """See `kernels.middle`."""
    count, channels, height, width = x.shape
    out = x.new_empty(count, height * up, width * up, channels)
    _run(_rows(x), table, bias, slopes, out, inputs=channels, outputs=channels, up=up)
    return out.permute(0, 3, 1, 2)


@triton_op("kinograph::upscale_last", mutates_args={})
def last(x: Tensor, images: Tensor | None, table: Tensor, bias: Tensor, scale: int) -> Tensor:
    """See `kernels.last`."""
    count, channels, height, width = x.shape
    out = x.new_empty(count, 3, height * scale, width * scale)
    columns = triton.cdiv(width, _STRIP) * count
    grid, rows, tall = _grid(_at_once(out.device, channels), height, columns, 1)
    source = _rows(x)
    wrap_triton(_last)[grid](
        source,
        table,
        bias,
        source if images is None else _rows(images),
        out,
        height,
        width,
        tall,
        columns,
        rows,
        IN=channels,
        OUT=table.shape[1],
        SCALE=scale,
        WIDE=next_power_of_two(scale),
        ADDED=images is not None,
        STRIP=_STRIP,
        num_warps=_WARPS,
        num_stages=_STAGES,
    )
    return out


@triton_op("kinograph::upscale_dense", mutates_args={})
def dense(
    x: Tensor, tables: list[Tensor], biases: list[Tensor], slopes: Tensor, part: float
) -> Tensor:
    """See `kernels.dense`.

    In the buffer lie, for every pixel, what the four layers of a part add and the sums of the
    fifth, one behind the other. Until a layer is complete, its place holds the sums so far.
    """
    count, features, height, width = x.shape
    growth = GROWTH
    work = x.new_empty(count, height, width, 4 * growth + features)
    second, third, fourth, fifth = (work[..., number * growth :] for number in (1, 2, 3, 4))
    # Results of parts take turns, so that the input of a block is still there at its end.
    source, results = _rows(x), [x.new_empty(count, height, width, features) for _ in range(3)]
    zeros = torch.zeros_like(biases[0])
    wide, half = 9 * features * features, 9 * growth * growth
    before = source
    for number, (table, bias) in enumerate(zip(tables, biases, strict=True)):
        x_all, first_second, pair_rest, third_fourth, pair_last = table.split(
            [3 * wide, half, 2 * wide, half, wide]
        )
        if number % 3 == 0:
            before = source
        _run(source, x_all, bias, slopes, work, inputs=features, outputs=features)
        _run(
            work, first_second, zeros[:growth], slopes, second, more=second,
            inputs=growth, outputs=growth,
        )  # fmt: skip
        _run(
            work, pair_rest, zeros[: 2 * features], slopes, third, more=third,
            inputs=features, outputs=features,
        )  # fmt: skip
        _run(
            third, third_fourth, zeros[:growth], slopes, fourth, more=fourth,
            inputs=growth, outputs=growth,
        )  # fmt: skip
        result = results[number % 3]
        _run(
            third, pair_last, zeros[:features], slopes[features:], result, more=fifth,
            kept=(source, before) if number % 3 == 2 else (source,), part=part,
            inputs=features, outputs=features,
        )  # fmt: skip
        source = result
    return source.permute(0, 3, 1, 2)
