"""The kernels of `kernels`, in triton. Imported only where they run.

All pictures lie in memory as rows of channels, one row a cell (channels last).
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

_CELLS, _WARPS = 32, 4  # of a program that looks up
_BLOCK = 1024  # values of a program that goes value by value


@triton.jit
def _look(  # type: ignore[no-untyped-def]
    rows, centres, table, bias, out,
    cells, channels, columns, count, height, width,
    SIDE: tl.constexpr, POINTS: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
    EXACT: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    known = cell < count
    at = cell // cells * 2 * cells + cell % cells  # of x in centres [B,2,h,w]; y is a plane further
    x0 = tl.load(centres + at, mask=known, other=0.0)
    y0 = tl.load(centres + at + cells, mask=known, other=0.0)
    # A patch of one line more than there are offsets, blended along x when it is loaded; along y
    # after the product, which is linear.
    point = tl.arange(0, POINTS)
    down = point // SIDE
    right = point % SIDE
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    total = tl.zeros((CELLS, CHANNELS), tl.float32)
    row = rows + cell.to(tl.int64)[:, None] * columns
    start = 0
    for level in tl.static_range(4):
        high = height >> level
        wide = width >> level
        # Further out all is zero; a far centre must not overflow an integer.
        x = tl.minimum(tl.maximum(x0 / (1 << level), -SIDE - 1.0), wide + SIDE + 0.0)
        y = tl.minimum(tl.maximum(y0 / (1 << level), -SIDE - 1.0), high + SIDE + 0.0)
        left = tl.floor(x)
        top = tl.floor(y)
        part_x = (x - left)[:, None]
        part_y = (y - top)[:, None]
        column = left.to(tl.int32)[:, None] + (right - SIDE // 2)[None, :]
        line = top.to(tl.int32)[:, None] + (down - SIDE // 2)[None, :]
        here = known[:, None] & (down <= SIDE)[None, :] & (line >= 0) & (line < high)
        place = row + start + line * wide + column
        one = tl.load(place, mask=here & (column >= 0) & (column < wide), other=0.0)
        two = tl.load(place + 1, mask=here & (column >= -1) & (column < wide - 1), other=0.0)
        found = one.to(tl.float32) * (1 - part_x) + two.to(tl.float32) * part_x
        entry = ((level * SIDE + down) * SIDE + right)[:, None] * channels + channel[None, :]
        some = (channel < channels)[None, :]
        upper = tl.load(table + entry, mask=some & (down < SIDE)[:, None], other=0.0)
        lower = tl.load(
            table + entry - SIDE * channels,
            mask=some & ((down > 0) & (down <= SIDE))[:, None],
            other=0.0,
        )
        if EXACT:
            above = tl.dot(found, upper, input_precision="ieee")
            below = tl.dot(found, lower, input_precision="ieee")
        else:
            above = tl.dot(found.to(upper.dtype), upper)
            below = tl.dot(found.to(lower.dtype), lower)
        total += above * (1 - part_y) + below * part_y
        start += high * wide
    total += tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    tl.store(
        out + cell.to(tl.int64)[:, None] * channels + channel[None, :],
        tl.maximum(total, 0.0).to(out.dtype.element_ty),
        mask=known[:, None] & (channel < channels)[None, :],
    )


@triton_op("kinograph::look", mutates_args={})
def look(
    rows: Tensor, centres: Tensor, table: Tensor, bias: Tensor, radius: int, height: int, width: int
) -> Tensor:
    """See `kernels.look`."""
    batch, _, high, wide = centres.shape
    channels = table.shape[1]
    side = 2 * radius + 1
    count = batch * high * wide
    out = rows.new_empty(batch, high, wide, channels)
    exact = rows.dtype == torch.float32
    # what fits into the shared memory of any card
    block = min(triton.next_power_of_2(channels), 64 if exact else 128)
    wrap_triton(_look)[(triton.cdiv(count, _CELLS), triton.cdiv(channels, block))](
        rows.contiguous(),
        centres.contiguous(),
        table.contiguous(),
        bias,
        out,
        high * wide,
        channels,
        rows.shape[2],
        count,
        height,
        width,
        SIDE=side,
        POINTS=triton.next_power_of_2(side * (side + 1)),
        CELLS=_CELLS,
        CHANNELS=block,
        EXACT=exact,
        num_warps=_WARPS,
    )
    return out.permute(0, 3, 1, 2)


@triton.jit
def _unit_input(  # type: ignore[no-untyped-def]
    state, motion, bias, flow, out, cells, count,
    STATE: tl.constexpr, MOTION: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    known = at < count
    cell = at // WIDTH
    channel = (at % WIDTH).to(tl.int32)
    moving = channel - STATE
    flowing = moving - MOTION
    is_state = known & (moving < 0)
    is_motion = known & (moving >= 0) & (flowing < 0)
    is_flow = known & (flowing >= 0) & (flowing < 2)
    kept = tl.load(state + cell * STATE + channel, mask=is_state, other=0.0).to(tl.float32)
    moved = tl.load(motion + cell * MOTION + moving, mask=is_motion, other=0.0).to(tl.float32)
    moved += tl.load(bias + moving, mask=is_motion, other=0.0).to(tl.float32)
    plane = cell // cells * 2 + flowing
    flown = tl.load(flow + plane * cells + cell % cells, mask=is_flow, other=0.0)
    value = kept + tl.maximum(moved, 0.0) + flown  # only one of them is not zero
    tl.store(out + at, value.to(out.dtype.element_ty), mask=known)


@triton_op("kinograph::unit_input", mutates_args={})
def unit_input(state: Tensor, motion: Tensor, bias: Tensor, flow: Tensor, width: int) -> Tensor:
    """See `kernels.unit_input`."""
    batch, _, high, wide = state.shape
    out = state.new_empty(batch, high, wide, width)
    count = batch * high * wide * width
    wrap_triton(_unit_input)[(triton.cdiv(count, _BLOCK),)](
        _rows(state),
        _rows(motion),
        bias,
        flow.contiguous(),
        out,
        high * wide,
        count,
        STATE=state.shape[1],
        MOTION=motion.shape[1],
        WIDTH=width,
        BLOCK=_BLOCK,
    )
    return out.permute(0, 3, 1, 2)


@triton.jit
def _with_reset(  # type: ignore[no-untyped-def]
    joined, gates, terms, out, count,
    STATE: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    known = at < count
    cell = at // WIDTH
    channel = (at % WIDTH).to(tl.int32)
    value = tl.load(joined + at, mask=known, other=0.0).to(tl.float32)
    is_state = known & (channel < STATE)
    gate = tl.load(gates + cell * (2 * STATE) + STATE + channel, mask=is_state, other=0.0)
    term = tl.load(terms + cell * (3 * STATE) + STATE + channel, mask=is_state, other=0.0)
    reset = tl.sigmoid(gate.to(tl.float32) + term.to(tl.float32))
    value = tl.where(is_state, value * reset, value)
    tl.store(out + at, value.to(out.dtype.element_ty), mask=known)


@triton_op("kinograph::with_reset", mutates_args={})
def with_reset(joined: Tensor, gates: Tensor, terms: Tensor) -> Tensor:
    """See `kernels.with_reset`."""
    batch, width, high, wide = joined.shape
    out = joined.new_empty(batch, high, wide, width)
    count = batch * high * wide * width
    wrap_triton(_with_reset)[(triton.cdiv(count, _BLOCK),)](
        _rows(joined),
        _rows(gates),
        _rows(terms),
        out,
        count,
        STATE=gates.shape[1] // 2,
        WIDTH=width,
        BLOCK=_BLOCK,
    )
    return out.permute(0, 3, 1, 2)


@triton.jit
def _blended(  # type: ignore[no-untyped-def]
    state, gates, candidate, terms, out, count, STATE: tl.constexpr, BLOCK: tl.constexpr
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    known = at < count
    cell = at // STATE
    channel = at % STATE
    old = tl.load(state + at, mask=known, other=0.0).to(tl.float32)
    gate = tl.load(gates + cell * (2 * STATE) + channel, mask=known, other=0.0).to(tl.float32)
    place = terms + cell * (3 * STATE) + channel
    gate += tl.load(place, mask=known, other=0.0).to(tl.float32)
    new = tl.load(candidate + at, mask=known, other=0.0).to(tl.float32)
    new += tl.load(place + 2 * STATE, mask=known, other=0.0).to(tl.float32)
    new = 2 * tl.sigmoid(2 * new) - 1  # tanh
    value = old + tl.sigmoid(gate) * (new - old)
    tl.store(out + at, value.to(out.dtype.element_ty), mask=known)


@triton_op("kinograph::blended", mutates_args={})
def blended(state: Tensor, gates: Tensor, candidate: Tensor, terms: Tensor) -> Tensor:
    """See `kernels.blended`."""
    batch, channels, high, wide = state.shape
    out = state.new_empty(batch, high, wide, channels)
    count = batch * high * wide * channels
    wrap_triton(_blended)[(triton.cdiv(count, _BLOCK),)](
        _rows(state),
        _rows(gates),
        _rows(candidate),
        _rows(terms),
        out,
        count,
        STATE=channels,
        BLOCK=_BLOCK,
    )
    return out.permute(0, 3, 1, 2)


def _rows(images: Tensor) -> Tensor:
    """[B,C,h,w] as its rows of channels, without a copy where they lie so."""
    return images.permute(0, 2, 3, 1).contiguous()
