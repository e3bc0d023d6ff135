"""The kernel of `kernels`, in triton. Imported only where it runs."""

import torch
import triton
import triton.language as tl
from torch import Tensor

# Kinds of shapes, as numbered by `raster`.
_LINE = tl.constexpr(2)

_TILE = 32  # px, both sides of what one program draws
_SHAPES = 256  # shapes that a program tests at once for whether they touch its tile
_ORDERS = 2**32  # more than there are shapes on a frame


@triton.jit  # type: ignore[untyped-decorator]
def _draw(  # type: ignore[no-untyped-def]
    ranked, first, center, direction, half_length, half_width, colour, kind, image, mask,
    height, width, across, tiles,
    TILE: tl.constexpr, SHAPES: tl.constexpr,
):  # fmt: skip
    tile = tl.program_id(0) % tiles
    frame = tl.program_id(0) // tiles
    left = tile % across * TILE
    top = tile // across * TILE
    x = (left + tl.arange(0, TILE))[None, :]
    y = (top + tl.arange(0, TILE))[:, None]
    column = x.to(tl.float32)
    row = y.to(tl.float32)
    middle_x = left + (TILE - 1) * 0.5
    middle_y = top + (TILE - 1) * 0.5
    reach = TILE * 0.70711 + 0.5  # from the middle to the corners, and the edge that fades

    red = tl.zeros((TILE, TILE), tl.float32)
    green = tl.zeros((TILE, TILE), tl.float32)
    blue = tl.zeros((TILE, TILE), tl.float32)
    light = tl.zeros((TILE, TILE), tl.float32) + 1.0  # what all layers so far let through
    drawn = tl.zeros((TILE, TILE), tl.int32)

    begin = tl.load(first + frame).to(tl.int32)
    last = tl.load(first + frame + 1).to(tl.int32)
    touched = 0
    while last > begin:  # front to back
        entry = last - SHAPES + tl.arange(0, SHAPES)
        known = entry >= begin
        shape = tl.load(ranked + entry, mask=known, other=0)
        off_x = middle_x - tl.load(center + 2 * shape, mask=known, other=0.0)
        off_y = middle_y - tl.load(center + 2 * shape + 1, mask=known, other=0.0)
        cosines = tl.load(direction + 2 * shape, mask=known, other=0.0)
        sines = tl.load(direction + 2 * shape + 1, mask=known, other=0.0)
        lengths = tl.load(half_length + shape, mask=known, other=0.0)
        widths = tl.load(half_width + shape, mask=known, other=0.0)
        are_lines = tl.load(kind + shape, mask=known, other=0) == _LINE
        # Every shape lies within a line with round ends of its width.
        ends = tl.where(are_lines, lengths, tl.maximum(lengths - widths, 0.0))
        along = tl.maximum(tl.abs(cosines * off_x + sines * off_y) - ends, 0.0)
        aside = cosines * off_y - sines * off_x
        near = widths + reach
        hit = known & (along * along + aside * aside <= near * near)
        best = tl.max(tl.where(hit, entry, -1), 0)
        while best >= 0:
            touched = 1
            one = tl.load(ranked + best)
            dx = column - tl.load(center + 2 * one)
            dy = row - tl.load(center + 2 * one + 1)
            c = tl.load(direction + 2 * one)
            s = tl.load(direction + 2 * one + 1)
            a = tl.load(half_length + one)
            b = tl.load(half_width + one)
            u = c * dx + s * dy
            v = c * dy - s * dx
            if tl.load(kind + one) == _LINE:
                beyond = tl.maximum(tl.abs(u) - a, 0.0)
                alpha = 0.5 - (tl.sqrt(beyond * beyond + v * v) - b)
            else:
                p = u / a
                q = v / b
                k = tl.sqrt(p * p + q * q)
                p = p / a
                q = q / b
                slope = tl.maximum(tl.sqrt(p * p + q * q), 1e-6)
                alpha = 0.5 - tl.where(k < 0.5, -b, k * (k - 1) / slope)
                # Far from the tips of a long one, `slope` is too large; it ends half a pixel out.
                p = u / (a + 0.5)
                q = v / (b + 0.5)
                alpha = tl.where(p * p + q * q <= 1.0, alpha, 0.0)
            alpha = tl.minimum(tl.maximum(alpha, 0.0), 1.0)
            drawn = drawn | (alpha > 0.0).to(tl.int32)
            alpha = tl.where(light > 1e-3, alpha, 0.0)
            part = light * alpha
            red += tl.load(colour + 3 * one) * part
            green += tl.load(colour + 3 * one + 1) * part
            blue += tl.load(colour + 3 * one + 2) * part
            light = light * (1.0 - alpha)
            best = tl.max(tl.where(hit & (entry < best), entry, -1), 0)
        last -= SHAPES

    if touched == 1:
        at = (frame.to(tl.int64) * height + y) * width + x
        inside = (drawn > 0) & (x < width) & (y < height)
        under = image + at * 3
        tl.store(under, red + tl.load(under, mask=inside, other=0.0) * light, mask=inside)
        under += 1
        tl.store(under, green + tl.load(under, mask=inside, other=0.0) * light, mask=inside)
        under += 1
        tl.store(under, blue + tl.load(under, mask=inside, other=0.0) * light, mask=inside)
        tl.store(mask + at, 1.0 - light, mask=inside)


def draw(
    frame: Tensor,
    order: Tensor,
    center: Tensor,
    direction: Tensor,
    half_length: Tensor,
    half_width: Tensor,
    colour: Tensor,
    kind: Tensor,
    image: Tensor,
    mask: Tensor,
) -> None:
    """See `kernels.draw`."""
    frames, height, width, _ = image.shape
    if frame.numel() == 0 or image.numel() == 0:
        return
    key, ranked = (frame * _ORDERS + order).sort()
    starts = torch.arange(frames + 1, device=frame.device) * _ORDERS
    across = triton.cdiv(width, _TILE)
    tiles = across * triton.cdiv(height, _TILE)
    _draw[(frames * tiles,)](
        ranked,
        torch.searchsorted(key, starts),
        center.contiguous(),
        direction.contiguous(),
        half_length.contiguous(),
        half_width.contiguous(),
        colour.contiguous(),
        kind.contiguous(),
        image,
        mask,
        height,
        width,
        across,
        tiles,
        TILE=_TILE,
        SHAPES=_SHAPES,
        num_warps=4,
    )
