"""The kernel of `kernels`, in triton. Imported only where it runs."""

import torch
import triton
import triton.language as tl
from torch import Tensor

_CELLS = 1024  # of a heatmap that a program weighs at once


@triton.jit
def _weight(y, x, guess_y, guess_x, low_y, low_x, high_y, high_x, spread):  # type: ignore[no-untyped-def]
    """What a person gives to cells: by the distance to the first guess, 0 outside the box."""
    off_y = y - guess_y
    off_x = x - guess_x
    inside = (y >= low_y) & (y < high_y) & (x >= low_x) & (x < high_x)
    near = tl.exp(-(off_y * off_y) / spread) * tl.exp(-(off_x * off_x) / spread)
    return tl.where(inside, near, 0.0)


@triton.jit  # type: ignore[untyped-decorator]
def _joints(  # type: ignore[no-untyped-def]
    guess, bounds, heatmap, offset, keypoints, confidence,
    height, width, spread, heat_f, heat_k, heat_y, heat_x, off_f, off_k, off_y, off_x,
    P: tl.constexpr, K: tl.constexpr, PLACES: tl.constexpr, CELLS: tl.constexpr,
):  # fmt: skip
    joint = tl.program_id(0)
    place = tl.program_id(1)
    frame = tl.program_id(2)
    person = frame * P + place
    box = bounds + person * 4
    first = guess + (person * K + joint) * 2
    guess_y = tl.load(first)
    guess_x = tl.load(first + 1)
    low_y = tl.load(box)
    low_x = tl.load(box + 1)
    high_y = tl.load(box + 2)
    high_x = tl.load(box + 3)
    heat = heatmap + frame.to(tl.int64) * heat_f + joint * heat_k
    count = height * width

    most = tl.full((), -1.0, tl.float32)
    at = tl.full((), 0, tl.int32)
    for start in range(0, count, CELLS):
        cell = start + tl.arange(0, CELLS)
        y = cell // width
        x = cell % width
        value = tl.load(heat + y * heat_y + x * heat_x, mask=cell < count, other=0.0)
        value = value.to(tl.float32) * _weight(
            y.to(tl.float32), x.to(tl.float32),
            guess_y, guess_x, low_y, low_x, high_y, high_x, spread,
        )  # fmt: skip
        value = tl.where(cell < count, value, -1.0)
        here = tl.max(value, 0)
        index = tl.min(tl.where(value == here, cell, count - 1), 0)  # the first of equals
        at = tl.where(here > most, index, at)
        most = tl.maximum(most, here)

    y = at // width
    x = at % width
    other = tl.arange(0, PLACES)
    known = other < P
    box = bounds + (frame * P + other) * 4
    first = guess + ((frame * P + other) * K + joint) * 2
    given = _weight(
        y.to(tl.float32), x.to(tl.float32),
        tl.load(first, mask=known, other=0.0),
        tl.load(first + 1, mask=known, other=0.0),
        tl.load(box, mask=known, other=0.0),
        tl.load(box + 1, mask=known, other=0.0),
        tl.load(box + 2, mask=known, other=0.0),
        tl.load(box + 3, mask=known, other=0.0),
        spread,
    )  # fmt: skip
    sure = tl.load(heat + y * heat_y + x * heat_x).to(tl.float32)
    moved = offset + frame.to(tl.int64) * off_f + 2 * joint * off_k + y * off_y + x * off_x
    to = person * K + joint
    tl.store(confidence + to, sure * tl.max(tl.where(known, given, 0.0), 0))
    tl.store(keypoints + 2 * to, x + tl.load(moved + off_k).to(tl.float32))
    tl.store(keypoints + 2 * to + 1, y + tl.load(moved).to(tl.float32))


def joints(
    guess: Tensor, bounds: Tensor, heatmap: Tensor, offset: Tensor, spread: float
) -> tuple[Tensor, Tensor]:
    """See `kernels.joints`."""
    frames, people, count, _ = guess.shape
    _, _, height, width = heatmap.shape
    keypoints = torch.empty_like(guess, memory_format=torch.contiguous_format)
    confidence = keypoints.new_empty(frames, people, count)
    _joints[(count, people, frames)](
        guess.contiguous(),
        bounds.contiguous(),
        heatmap,
        offset,
        keypoints,
        confidence,
        height,
        width,
        spread,
        *heatmap.stride(),
        *offset.stride(),
        P=people,
        K=count,
        PLACES=triton.next_power_of_2(people),
        CELLS=_CELLS,
        num_warps=4,
    )
    return keypoints, confidence
