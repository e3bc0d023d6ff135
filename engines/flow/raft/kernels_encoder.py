"""The kernels of RAFT-small's encoders, in triton. Imported only where they run.

A layer reads the previous layer's output before normalisation, normalises it on the fly (scale and
shift of each channel, then ReLU), multiplies, and stores mean and spread of its own output for the
next: large pictures go through memory once per layer.

Pictures lie in memory as rows of channels, one row per cell (channels last). Tables of weights are
padded with zeros to powers of two, and need no masks.
"""

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

from .kernels_triton import _rows, _times

# Cells per program, and per partial sum. fp32 is multiplied without matrix units, in long code.
_TILE, _EXACT_TILE = 128, 32


@triton.jit  # type: ignore[untyped-decorator]
def _with_sums(  # type: ignore[no-untyped-def]
    values, known, channel, sums, tile, image, left, C: tl.constexpr, TILE: tl.constexpr
):
    """Mean, and sum of the squared distances to it, of the tile's cells."""
    count = tl.minimum(left, TILE).to(tl.float32)
    mean = tl.sum(tl.where(known[:, None], values, 0.0), 0) / count
    apart = tl.where(known[:, None], values - mean[None, :], 0.0)
    at = sums + (image * tl.num_programs(0) + tile) * (2 * C) + channel
    tl.store(at, mean, mask=channel < C)
    tl.store(at + C, tl.sum(apart * apart, 0), mask=channel < C)


@triton.jit  # type: ignore[untyped-decorator]
def _affine(  # type: ignore[no-untyped-def]
    sums, out, tiles, cells, eps,
    C: tl.constexpr, TILE: tl.constexpr, TILES: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    total = tl.zeros((CHANNELS,), tl.float32)
    for start in range(0, tiles, TILES):
        tile = start + tl.arange(0, TILES)
        at = sums + (image * tiles + tile)[:, None] * (2 * C) + channel[None, :]
        count = tl.maximum(tl.minimum(cells - tile * TILE, TILE), 0).to(tl.float32)[:, None]
        mean = tl.load(at, mask=(tile < tiles)[:, None] & (channel < C)[None, :], other=0.0)
        total += tl.sum(mean * count, 0)
    centre = total / cells
    total = tl.zeros((CHANNELS,), tl.float32)
    for start in range(0, tiles, TILES):
        tile = start + tl.arange(0, TILES)
        at = sums + (image * tiles + tile)[:, None] * (2 * C) + channel[None, :]
        count = tl.maximum(tl.minimum(cells - tile * TILE, TILE), 0).to(tl.float32)[:, None]
        some = (tile < tiles)[:, None] & (channel < C)[None, :]
        mean = tl.load(at, mask=some, other=0.0)
        apart = mean - centre[None, :]
        total += tl.sum(tl.load(at + C, mask=some, other=0.0) + apart * apart * count, 0)
    scale = tl.rsqrt(total / cells + eps)
    to = out + image * (2 * C) + channel
    tl.store(to, scale, mask=channel < C)
    tl.store(to + C, -centre * scale, mask=channel < C)


@triton_op("kinograph::affine", mutates_args={})
def affine(source: Tensor, sums: Tensor, eps: float) -> Tensor:
    """See `kernels.affine`."""
    images, tiles, _, channels = sums.shape
    out = sums.new_empty(images, 2, channels)
    wrap_triton(_affine)[(images, triton.cdiv(channels, 8))](
        sums,
        out,
        tiles,
        source.shape[2] * source.shape[3],
        eps,
        C=channels,
        TILE=_tile(source),
        TILES=256,
        CHANNELS=8,
        num_warps=4,
    )
    return out


@triton.jit  # type: ignore[untyped-decorator]
def _stem(  # type: ignore[no-untyped-def]
    images, table, first, second, sums, cells, height, width, wide,
    C: tl.constexpr, TILE: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(1).to(tl.int64)
    cell = tl.program_id(0) * TILE + tl.arange(0, TILE)
    known = cell < cells
    y = (cell // wide * 2 - 3)[:, None]
    x = (cell % wide * 2 - 3)[:, None]
    entry = tl.arange(0, 32)[None, :]  # of a line of 8 pixels: pixel, then 4 colours
    column = x + entry // 4
    inside = known[:, None] & (column >= 0) & (column < width)
    place = images + image * height * width * 4 + ((y * width + x) * 4 + entry)
    channel = tl.arange(0, 2 * C)
    total = tl.zeros((TILE, 2 * C), tl.float32)
    for down in tl.static_range(7):
        line = y + down
        value = tl.load(
            place + down * 4 * width, mask=inside & (line >= 0) & (line < height), other=0.5
        )
        weights = tl.load(
            table + (down * 32 + tl.arange(0, 32))[:, None] * (2 * C) + channel[None, :]
        )
        total = _times(value, weights, total, EXACT)
    values = total.to(first.dtype.element_ty)
    at = (image * cells + cell)[:, None] * C + channel[None, :]
    tl.store(first + at, values, mask=known[:, None] & (channel < C)[None, :])
    tl.store(second + at - C, values, mask=known[:, None] & (channel >= C)[None, :])
    left = cells - tl.program_id(0) * TILE
    _with_sums(values.to(tl.float32), known, channel, sums, tl.program_id(0), image, left, C, TILE)


@triton_op("kinograph::stem", mutates_args={})
def stem(images: Tensor, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """See `kernels.stem`."""
    count, _, height, width = images.shape
    channels = table.shape[1] // 2
    high, wide = (height + 1) // 2, (width + 1) // 2
    cells = high * wide
    tile = _tile(images)
    tiles = triton.cdiv(cells, tile)
    first = images.new_empty(count, high, wide, channels)
    second = images.new_empty(count, high, wide, channels)
    sums = images.new_empty((count, tiles, 2, channels), dtype=torch.float32)
    wrap_triton(_stem)[(tiles, count)](
        F.pad(_rows(images), (0, 1)),  # pixels that are read as a whole
        table,
        first,
        second,
        sums,
        cells,
        height,
        width,
        wide,
        C=channels,
        TILE=tile,
        EXACT=images.dtype == torch.float32,
        num_warps=8,
    )
    return first.permute(0, 3, 1, 2), second.permute(0, 3, 1, 2), sums


@triton.jit  # type: ignore[untyped-decorator]
def _scaled(  # type: ignore[no-untyped-def]
    values, affine, image, channel, some, C: tl.constexpr, ALIKE: tl.constexpr
):
    """Values times scale plus shift of their channels, of all images ALIKE or of each."""
    at = affine + channel
    if not ALIKE:
        at += image * (2 * C)
    scale = tl.load(at, mask=some, other=0.0).to(tl.float32)
    shift = tl.load(at + C, mask=some, other=0.0).to(tl.float32)
    return values * scale[None, :] + shift[None, :]


@triton.jit  # type: ignore[untyped-decorator]
def _mix(  # type: ignore[no-untyped-def]
    source, scales, skip, skip_scales, table, bias, kept, out, sums,
    cells, width, wide, source_cells,
    IN: tl.constexpr, OUT: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
    CHANNELS: tl.constexpr, STRIDE: tl.constexpr, SCALED: tl.constexpr, ALIKE: tl.constexpr,
    SKIP: tl.constexpr, SKIP_SCALED: tl.constexpr, SKIP_ALIKE: tl.constexpr, KEEP: tl.constexpr,
    BIAS: tl.constexpr, SUMS: tl.constexpr, TILE: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(1).to(tl.int64)
    cell = tl.program_id(0) * TILE + tl.arange(0, TILE)
    known = cell < cells
    at = cell
    if STRIDE > 1:
        at = (cell // wide * width + cell % wide) * STRIDE
    entry = tl.arange(0, ROWS)
    used = known[:, None] & (entry < IN)[None, :]
    place = (image * source_cells + at)[:, None] * IN + entry[None, :]
    value = tl.load(source + place, mask=used, other=0.0).to(tl.float32)
    if SCALED:
        value = tl.maximum(_scaled(value, scales, image, entry, entry < IN, IN, ALIKE), 0.0)
    if SKIP:
        other = tl.load(skip + place, mask=used, other=0.0).to(tl.float32)
        if SKIP_SCALED:
            other = _scaled(other, skip_scales, image, entry, entry < IN, IN, SKIP_ALIKE)
        value = tl.maximum(value + other, 0.0)
    value = value.to(out.dtype.element_ty)
    if KEEP:
        if tl.program_id(2) == 0:
            tl.store(kept + place, value, mask=used)
    channel = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    weights = tl.load(table + entry[:, None] * COLUMNS + channel[None, :])
    total = _times(value, weights, tl.zeros((TILE, CHANNELS), tl.float32), EXACT)
    if BIAS:
        total += tl.load(bias + channel, mask=channel < OUT, other=0.0).to(tl.float32)[None, :]
    values = total.to(out.dtype.element_ty)
    to = out + (image * cells + cell)[:, None] * OUT + channel[None, :]
    tl.store(to, values, mask=known[:, None] & (channel < OUT)[None, :])
    if SUMS:
        left = cells - tl.program_id(0) * TILE
        values = values.to(tl.float32)
        _with_sums(values, known, channel, sums, tl.program_id(0), image, left, OUT, TILE)


@triton_op("kinograph::mix", mutates_args={})
def mix(
    source: Tensor,
    scales: Tensor | None,
    skip: Tensor | None,
    skip_scales: Tensor | None,
    table: Tensor,
    bias: Tensor | None,
    outputs: int,
    stride: int,
    keep: bool,
    sums: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """See `kernels.mix`."""
    images, channels, height, width = source.shape
    high, wide = (height + stride - 1) // stride, (width + stride - 1) // stride
    cells = high * wide
    tile = _tile(source)
    tiles = triton.cdiv(cells, tile)
    out = source.new_empty(images, high, wide, outputs)
    kept = source.new_empty((images, height, width, channels) if keep else (0, 1, 1, 1))
    found = source.new_empty(
        (images, tiles, 2, outputs) if sums else (0, 1, 1, 1), dtype=torch.float32
    )
    exact = source.dtype == torch.float32
    block = min(table.shape[1], 32 if exact else 128)
    unused = table
    wrap_triton(_mix)[(tiles, images, triton.cdiv(outputs, block))](
        _rows(source),
        unused if scales is None else scales,
        unused if skip is None else _rows(skip),
        unused if skip_scales is None else skip_scales,
        table,
        unused if bias is None else bias,
        kept,
        out,
        found,
        cells,
        width,
        wide,
        height * width,
        IN=channels,
        OUT=outputs,
        ROWS=table.shape[0],
        COLUMNS=table.shape[1],
        CHANNELS=block,
        STRIDE=stride,
        SCALED=scales is not None,
        ALIKE=scales is not None and scales.dim() == 2,
        SKIP=skip is not None,
        SKIP_SCALED=skip_scales is not None,
        SKIP_ALIKE=skip_scales is not None and skip_scales.dim() == 2,
        KEEP=keep,
        BIAS=bias is not None,
        SUMS=sums,
        TILE=tile,
        EXACT=exact,
        num_warps=8 if block + table.shape[0] > 128 else 4,
    )
    return out.permute(0, 3, 1, 2), kept.permute(0, 3, 1, 2), found


@triton.jit  # type: ignore[untyped-decorator]
def _spread(  # type: ignore[no-untyped-def]
    source, scales, table, out, sums, cells, height, width, wide,
    IN: tl.constexpr, OUT: tl.constexpr, PADDED: tl.constexpr, COLUMNS: tl.constexpr,
    STRIDE: tl.constexpr, ALIKE: tl.constexpr, SUMS: tl.constexpr,
    TILE: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(1).to(tl.int64)
    cell = tl.program_id(0) * TILE + tl.arange(0, TILE)
    known = cell < cells
    y = (cell // wide * STRIDE - 1)[:, None]
    x = (cell % wide * STRIDE - 1)[:, None]
    entry = tl.arange(0, 4 * PADDED)  # of a line of three cells: cell, then channel
    from_channel = entry % PADDED
    right = entry // PADDED
    some = (right < 3) & (from_channel < IN)
    column = x + right[None, :]
    inside = known[:, None] & some[None, :] & (column >= 0) & (column < width)
    place = source + image * height * width * IN
    place = place + ((y * width + column) * IN + from_channel[None, :])
    channel = tl.arange(0, COLUMNS)
    total = tl.zeros((TILE, COLUMNS), tl.float32)
    for down in tl.static_range(3):
        line = y + down
        here = inside & (line >= 0) & (line < height)
        value = tl.load(place + down * width * IN, mask=here, other=0.0).to(tl.float32)
        value = tl.maximum(_scaled(value, scales, image, from_channel, some, IN, ALIKE), 0.0)
        value = tl.where(here, value, 0.0)  # zeros round the normalised picture
        weights = tl.load(table + (down * 4 * PADDED + entry)[:, None] * COLUMNS + channel[None, :])
        total = _times(value, weights, total, EXACT)
    values = total.to(out.dtype.element_ty)
    to = out + (image * cells + cell)[:, None] * OUT + channel[None, :]
    tl.store(to, values, mask=known[:, None] & (channel < OUT)[None, :])
    if SUMS:
        left = cells - tl.program_id(0) * TILE
        values = values.to(tl.float32)
        _with_sums(values, known, channel, sums, tl.program_id(0), image, left, OUT, TILE)


@triton_op("kinograph::spread", mutates_args={})
def spread(
    source: Tensor, scales: Tensor, table: Tensor, outputs: int, stride: int, sums: bool
) -> tuple[Tensor, Tensor]:
    """See `kernels.spread`."""
    images, channels, height, width = source.shape
    high, wide = (height + stride - 1) // stride, (width + stride - 1) // stride
    cells = high * wide
    tile = _tile(source)
    tiles = triton.cdiv(cells, tile)
    out = source.new_empty(images, high, wide, outputs)
    found = source.new_empty(
        (images, tiles, 2, outputs) if sums else (0, 1, 1, 1), dtype=torch.float32
    )
    wrap_triton(_spread)[(tiles, images)](
        _rows(source),
        scales,
        table,
        out,
        found,
        cells,
        height,
        width,
        wide,
        IN=channels,
        OUT=outputs,
        PADDED=table.shape[0] // 12,
        COLUMNS=table.shape[1],
        STRIDE=stride,
        ALIKE=scales.dim() == 2,
        SUMS=sums,
        TILE=tile,
        EXACT=source.dtype == torch.float32,
        num_warps=4 if channels <= 8 else 8,
    )
    return out.permute(0, 3, 1, 2), found


def _tile(source: Tensor) -> int:
    return _EXACT_TILE if source.dtype == torch.float32 else _TILE
