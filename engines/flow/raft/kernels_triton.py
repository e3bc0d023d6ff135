"""The kernels of `kernels`, in triton. Imported only where they run.

All pictures lie in memory as rows of channels, one row per cell (channels last). Values go eight
channels at a time, 16 bytes of fp16.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

_BLOCK = 256  # groups of eight channels per program that works value by value
# Cells per program that multiplies matrices; fp32 without matrix units, in long code.
_CELLS, _EXACT_CELLS = 64, 32
_SUMS = 128  # cells per program that sums the flow


@triton.jit
def _line(place, near, next_near, line, high, part):  # type: ignore[no-untyped-def]
    """One line of a patch, blended along x."""
    here = (line >= 0) & (line < high)
    one = tl.load(place, mask=near & here, other=0.0).to(tl.float32)
    two = tl.load(place + 1, mask=next_near & here, other=0.0).to(tl.float32)
    return one + (two - one) * part


@triton.jit  # type: ignore[untyped-decorator]
def _times(values, table, total, EXACT: tl.constexpr):  # type: ignore[no-untyped-def]
    if EXACT:
        return tl.dot(values.to(tl.float32), table, total, input_precision="ieee")
    return tl.dot(values.to(table.dtype), table, total)


@triton.jit  # type: ignore[untyped-decorator]
def _look(  # type: ignore[no-untyped-def]
    rows, centres, table, bias, beside, beside_bias, out,
    cells, columns, count, height, width,
    C: tl.constexpr, BESIDE: tl.constexpr, SIDE: tl.constexpr, ACROSS: tl.constexpr,
    CELLS: tl.constexpr, CHANNELS: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    known = cell < count
    at = cell // cells * 2 * cells + cell % cells  # of x in centres [B,2,h,w]; y is a plane further
    x0 = tl.load(centres + at, mask=known, other=0.0)
    y0 = tl.load(centres + at + cells, mask=known, other=0.0)
    right = tl.arange(0, ACROSS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    total = tl.zeros((CELLS, CHANNELS), tl.float32)
    row = rows + cell.to(tl.int64) * columns
    entry = tl.arange(0, 4 * ACROSS)  # of a group of four lines: offset along x, then line
    entry_right = entry // 4
    entry_down = entry % 4
    for level in tl.static_range(4):
        high = height >> level
        wide = width >> level
        # Everything is zero further out; a far centre must not overflow an integer.
        x = tl.minimum(tl.maximum(x0 / (1 << level), -SIDE - 1.0), wide + SIDE + 0.0)
        y = tl.minimum(tl.maximum(y0 / (1 << level), -SIDE - 1.0), high + SIDE + 0.0)
        left = tl.floor(x)
        top = tl.floor(y)
        part_x = (x - left)[:, None]
        part_y = (y - top)[:, None]
        column = (left.to(tl.int32) - SIDE // 2)[:, None] + right[None, :]
        line = (top.to(tl.int32) - SIDE // 2)[:, None]
        used = known[:, None] & (right < SIDE)[None, :]
        near = used & (column >= 0) & (column < wide)
        next_near = used & (column >= -1) & (column < wide - 1)
        place = row[:, None] + (line * wide + column)
        last = _line(place, near, next_near, line, high, part_x)
        for group in tl.static_range((SIDE + 3) // 4):
            # Four lines at a time, a thread's own: blending along y needs no other thread.
            down = 4 * group
            one = _line(place + (down + 1) * wide, near, next_near, line + down + 1, high, part_x)
            two = _line(place + (down + 2) * wide, near, next_near, line + down + 2, high, part_x)
            three = _line(place + (down + 3) * wide, near, next_near, line + down + 3, high, part_x)
            four = _line(place + (down + 4) * wide, near, next_near, line + down + 4, high, part_x)
            first = last + (one - last) * part_y
            second = one + (two - one) * part_y
            third = two + (three - two) * part_y
            fourth = three + (four - three) * part_y
            last = four
            found = tl.join(tl.join(first, third), tl.join(second, fourth))
            found = tl.reshape(found, (CELLS, 4 * ACROSS))
            place_in = (level * SIDE + down + entry_down) * SIDE + entry_right
            weights = tl.load(
                table + place_in[:, None] * C + channel[None, :],
                mask=((entry_right < SIDE) & (down + entry_down < SIDE))[:, None]
                & (channel < C)[None, :],
                other=0.0,
            )
            total = _times(found, weights, total, EXACT)
        row += high * wide
    total += tl.load(bias + channel, mask=channel < C, other=0.0).to(tl.float32)[None, :]
    to = out + cell.to(tl.int64)[:, None] * (C + BESIDE)
    tl.store(
        to + channel[None, :],
        tl.maximum(total, 0.0).to(out.dtype.element_ty),
        mask=known[:, None] & (channel < C)[None, :],
    )
    if BESIDE > 0:
        if tl.program_id(1) == 0:
            other = tl.arange(0, BESIDE)
            value = tl.load(
                beside + cell.to(tl.int64)[:, None] * BESIDE + other[None, :],
                mask=known[:, None],
                other=0.0,
            ).to(tl.float32)
            value += tl.load(beside_bias + other).to(tl.float32)[None, :]
            value = tl.maximum(value, 0.0).to(out.dtype.element_ty)
            tl.store(to + C + other[None, :], value, mask=known[:, None])


@triton_op("kinograph::look", mutates_args={})
def look(
    rows: Tensor,
    centres: Tensor,
    table: Tensor,
    bias: Tensor,
    beside: Tensor | None,
    beside_bias: Tensor | None,
    radius: int,
    height: int,
    width: int,
) -> Tensor:
    """See `kernels.look`."""
    batch, _, high, wide = centres.shape
    channels = table.shape[1]
    side = 2 * radius + 1
    count = batch * high * wide
    more = 0 if beside is None else beside.shape[1]
    out = rows.new_empty(batch, high, wide, channels + more)
    exact = rows.dtype == torch.float32
    each = _EXACT_CELLS if exact else _CELLS
    # what fits into the shared memory of any card
    block = min(triton.next_power_of_2(channels), 64 if exact else 256)
    wrap_triton(_look)[(triton.cdiv(count, each), triton.cdiv(channels, block))](
        rows.contiguous(),
        centres.contiguous(),
        table.contiguous(),
        bias,
        bias if beside is None else _rows(beside),
        bias if beside_bias is None else beside_bias,
        out,
        high * wide,
        rows.shape[2],
        count,
        height,
        width,
        C=channels,
        BESIDE=more,
        SIDE=side,
        ACROSS=triton.next_power_of_2(side),
        CELLS=each,
        CHANNELS=block,
        EXACT=exact,
        num_warps=8 if block > 128 else 4,
    )
    return out.permute(0, 3, 1, 2)


@triton.jit  # type: ignore[untyped-decorator]
def _flow_features(  # type: ignore[no-untyped-def]
    flow, table, bias, out, count, height, width,
    C: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    known = cell < count
    cells = height * width
    within = cell % cells
    y = within // width
    x = within % width
    corner = flow + (cell // cells * 2).to(tl.int64) * cells + within
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    total = tl.zeros((CELLS, CHANNELS), tl.float32)
    entry = tl.arange(0, 64)
    down = entry // 8 - 3
    right = entry % 8 - 3
    inside = known[:, None] & ((down < 4) & (right < 4))[None, :]
    line = y[:, None] + down[None, :]
    column = x[:, None] + right[None, :]
    inside = inside & (line >= 0) & (line < height) & (column >= 0) & (column < width)
    place = corner[:, None] + (down * width + right)[None, :]
    for plane in tl.static_range(2):
        found = tl.load(place + plane * cells, mask=inside, other=0.0)
        weights = tl.load(
            table + (plane * 64 + entry)[:, None] * C + channel[None, :],
            mask=(channel < C)[None, :],
            other=0.0,
        )
        total = _times(found, weights, total, EXACT)
    total += tl.load(bias + channel, mask=channel < C, other=0.0).to(tl.float32)[None, :]
    tl.store(
        out + cell.to(tl.int64)[:, None] * C + channel[None, :],
        tl.maximum(total, 0.0).to(out.dtype.element_ty),
        mask=known[:, None] & (channel < C)[None, :],
    )


@triton_op("kinograph::flow_features", mutates_args={})
def flow_features(flow: Tensor, table: Tensor, bias: Tensor) -> Tensor:
    """See `kernels.flow_features`."""
    batch, _, high, wide = flow.shape
    channels = table.shape[1]
    count = batch * high * wide
    out = table.new_empty(batch, high, wide, channels)
    exact = table.dtype == torch.float32
    each = _EXACT_CELLS if exact else _CELLS
    block = min(triton.next_power_of_2(channels), 64)
    wrap_triton(_flow_features)[(triton.cdiv(count, each), triton.cdiv(channels, block))](
        flow.contiguous(),
        table.contiguous(),
        bias,
        out,
        count,
        high,
        wide,
        C=channels,
        CELLS=each,
        CHANNELS=block,
        EXACT=exact,
        num_warps=4,
    )
    return out.permute(0, 3, 1, 2)


@triton.jit  # type: ignore[untyped-decorator]
def _taps(  # type: ignore[no-untyped-def]
    head, bias, table, out, count,
    C: tl.constexpr, BLOCK: tl.constexpr, CELLS: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    cell = (tl.program_id(0) * CELLS + tl.arange(0, CELLS)).to(tl.int64)
    known = cell < count
    tap = tl.arange(0, 32)  # 9 places of 2 values
    total = tl.zeros((CELLS, 32), tl.float32)
    for start in tl.static_range(0, C, BLOCK):
        channel = start + tl.arange(0, BLOCK)
        value = tl.load(
            head + cell[:, None] * C + channel[None, :], mask=known[:, None], other=0.0
        ).to(tl.float32)
        value = tl.maximum(value + tl.load(bias + channel).to(tl.float32)[None, :], 0.0)
        weights = tl.load(table + channel[:, None] * 32 + tap[None, :])
        total = _times(value, weights, total, EXACT)
    tl.store(out + cell[:, None] * 18 + tap[None, :], total, mask=known[:, None] & (tap < 18)[None])


@triton.jit  # type: ignore[untyped-decorator]
def _sum_of_taps(  # type: ignore[no-untyped-def]
    taps, bias, out, count, height, width, CELLS: tl.constexpr
):
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    known = cell < count
    cells = height * width
    within = cell % cells
    y = (within // width)[:, None]
    x = (within % width)[:, None]
    value = tl.arange(0, 2)[None, :]
    total = tl.zeros((CELLS, 2), tl.float32) + tl.load(bias + value).to(tl.float32)
    row = taps + cell.to(tl.int64)[:, None] * 18
    for tap in tl.static_range(9):
        line = y + (tap // 3 - 1)
        column = x + (tap % 3 - 1)
        inside = (line >= 0) & (line < height) & (column >= 0) & (column < width)
        place = row + ((tap // 3 - 1) * width + (tap % 3 - 1)) * 18 + tap * 2 + value
        total += tl.load(place, mask=known[:, None] & inside, other=0.0)
    to = (cell // cells * 2)[:, None] + value
    tl.store(out + to.to(tl.int64) * cells + within[:, None], total, mask=known[:, None])


@triton_op("kinograph::delta", mutates_args={})
def delta(head: Tensor, bias: Tensor, table: Tensor, table_bias: Tensor) -> Tensor:
    """See `kernels.delta`."""
    batch, channels, high, wide = head.shape
    count = batch * high * wide
    exact = head.dtype == torch.float32
    each = _EXACT_CELLS if exact else _CELLS
    taps = head.new_empty((count, 18), dtype=torch.float32)
    wrap_triton(_taps)[(triton.cdiv(count, each),)](
        _rows(head),
        bias,
        table.contiguous(),
        taps,
        count,
        C=channels,
        BLOCK=min(channels, 128),
        CELLS=each,
        EXACT=exact,
        num_warps=4,
    )
    out = head.new_empty((batch, 2, high, wide), dtype=torch.float32)
    wrap_triton(_sum_of_taps)[(triton.cdiv(count, _SUMS),)](
        taps, table_bias, out, count, high, wide, CELLS=_SUMS, num_warps=4
    )
    return out


@triton.jit  # type: ignore[untyped-decorator]
def _unit_input(  # type: ignore[no-untyped-def]
    state, motion, bias, flow, out, cells, count,
    STATE: tl.constexpr, MOTION: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    group = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    known = (group < count)[:, None]
    near = (group // (WIDTH // 8))[:, None]
    channel = (group % (WIDTH // 8) * 8)[:, None] + tl.arange(0, 8)[None, :]
    cell = near.to(tl.int64)
    moving = channel - STATE
    flowing = moving - MOTION
    is_state = known & (moving < 0)
    is_motion = known & (moving >= 0) & (flowing < 0)
    is_flow = known & (flowing >= 0) & (flowing < 2)
    kept = tl.load(state + cell * STATE + channel, mask=is_state, other=0.0).to(tl.float32)
    moved = tl.load(motion + cell * MOTION + moving, mask=is_motion, other=0.0).to(tl.float32)
    moved += tl.load(bias + moving, mask=is_motion, other=0.0).to(tl.float32)
    plane = (near // cells * 2 + flowing).to(tl.int64)
    flown = tl.load(flow + plane * cells + near % cells, mask=is_flow, other=0.0)
    value = kept + tl.maximum(moved, 0.0) + flown  # only one of them is not zero
    tl.store(out + cell * WIDTH + channel, value.to(out.dtype.element_ty), mask=known)


@triton_op("kinograph::unit_input", mutates_args={})
def unit_input(state: Tensor, motion: Tensor, bias: Tensor, flow: Tensor, width: int) -> Tensor:
    """See `kernels.unit_input`."""
    batch, _, high, wide = state.shape
    out = state.new_empty(batch, high, wide, width)
    count = batch * high * wide * (width // 8)
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
        num_warps=4,
    )
    return out.permute(0, 3, 1, 2)


@triton.jit  # type: ignore[untyped-decorator]
def _with_reset(  # type: ignore[no-untyped-def]
    joined, gates, terms, out, count,
    STATE: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    group = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    known = (group < count)[:, None]
    cell = (group // (WIDTH // 8)).to(tl.int64)[:, None]
    channel = (group % (WIDTH // 8) * 8)[:, None] + tl.arange(0, 8)[None, :]
    value = tl.load(joined + cell * WIDTH + channel, mask=known, other=0.0).to(tl.float32)
    is_state = known & (channel < STATE)
    gate = tl.load(gates + cell * (2 * STATE) + STATE + channel, mask=is_state, other=0.0)
    term = tl.load(terms + cell * (3 * STATE) + STATE + channel, mask=is_state, other=0.0)
    reset = tl.sigmoid(gate.to(tl.float32) + term.to(tl.float32))
    value = tl.where(is_state, value * reset, value)
    tl.store(out + cell * WIDTH + channel, value.to(out.dtype.element_ty), mask=known)


@triton_op("kinograph::with_reset", mutates_args={})
def with_reset(joined: Tensor, gates: Tensor, terms: Tensor) -> Tensor:
    """See `kernels.with_reset`."""
    batch, width, high, wide = joined.shape
    out = joined.new_empty(batch, high, wide, width)
    count = batch * high * wide * (width // 8)
    wrap_triton(_with_reset)[(triton.cdiv(count, _BLOCK),)](
        _rows(joined),
        _rows(gates),
        _rows(terms),
        out,
        count,
        STATE=gates.shape[1] // 2,
        WIDTH=width,
        BLOCK=_BLOCK,
        num_warps=4,
    )
    return out.permute(0, 3, 1, 2)


@triton.jit  # type: ignore[untyped-decorator]
def _blended(  # type: ignore[no-untyped-def]
    state, gates, candidate, terms, out, count, STATE: tl.constexpr, BLOCK: tl.constexpr
):
    group = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    known = (group < count)[:, None]
    cell = (group // (STATE // 8)).to(tl.int64)[:, None]
    channel = (group % (STATE // 8) * 8)[:, None] + tl.arange(0, 8)[None, :]
    at = cell * STATE + channel
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
    count = batch * high * wide * (channels // 8)
    wrap_triton(_blended)[(triton.cdiv(count, _BLOCK),)](
        _rows(state),
        _rows(gates),
        _rows(candidate),
        _rows(terms),
        out,
        count,
        STATE=channels,
        BLOCK=_BLOCK,
        num_warps=4,
    )
    return out.permute(0, 3, 1, 2)


def _rows(images: Tensor) -> Tensor:
    """Return [B,C,h,w] as rows of channels, without a copy if it is laid out so."""
    return images.permute(0, 2, 3, 1).contiguous()
