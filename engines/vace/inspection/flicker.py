"""Warnings about masks that change from frame to frame."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from ..masks import SPLIT

_SOME = 0.005  # part of all pixels: less is nothing
_FULL = 0.98  # part of a frame's pixels: a mask above it covers the frame
_SHORT = 8  # frames that a detector may lose somebody for


Areas = tuple[list[float], list[bool]]


def coverage(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the generated part of each frame of a mask [F], and what every frame generates
    [H,W]."""
    generate = mask > SPLIT
    return generate.flatten(1).float().mean(1), generate.all(0)


def areas_of(whole: Tensor, always: Tensor) -> Areas:
    """Return the generated part of every frame, without what all frames generate (borders, still
    boxes), and whether the frame is masked in part.

    whole, always: see `coverage`
    """
    moving = whole - always.float().mean()
    moving = torch.where(moving < 1e-6, torch.zeros_like(moving), moving)
    return moving.tolist(), ((moving > 0) & (whole < _FULL)).tolist()


def flicker_warnings(areas: list[float], partial: list[bool]) -> Iterator[str]:
    """Warn about masks with gaps and leaps from frame to frame; see `areas_of`."""
    lost = _lost(areas, partial)
    if lost and not _every_nth(areas):
        shown = ", ".join(map(str, lost[:6])) + (" ..." if len(lost) > 6 else "")
        yield (
            f"mask: a gap in frame {shown}; what is generated before and after it is not, and the "
            "footage shows through. If a detector lost somebody, use steady in VACE Mask or fill "
            "the gaps; a frame that is meant to be kept is in order."
        )
    both = pairwise(zip(areas, partial, strict=True))
    jumps = [
        after
        for after, ((a, here), (b, there)) in enumerate(both, 1)
        if here and there and min(a, b) < 0.5 * max(a, b) and abs(a - b) > _SOME
    ]
    if len(jumps) > 1:
        yield (
            f"mask: its area doubles or halves from one frame to the next {len(jumps)} times, "
            f"first at frame {jumps[0]}; edges will flicker. Use steady in VACE Mask, or smooth it."
        )


def _every_nth(areas: list[float]) -> bool:
    """Return whether empty frames come evenly from the first on, as "every 16" keeps them."""
    last = len(areas) - 1  # may be kept besides
    starts = [
        f for f, area in enumerate(areas) if area == 0 and f < last and (f == 0 or areas[f - 1] > 0)
    ]
    gaps = {after - before for before, after in pairwise(starts)}
    return starts[:1] == [0] and len(gaps) == 1 and starts[-1] + gaps.pop() >= last


def _lost(areas: list[float], partial: list[bool]) -> list[int]:
    """Return frames in short empty runs between frames that are masked in part."""
    lost: list[int] = []
    run: list[int] = []
    inside = False
    for frame, area in enumerate(areas):
        if area == 0:
            run.append(frame)
            continue
        if inside and partial[frame] and len(run) <= _SHORT:
            lost += run
        inside, run = partial[frame], []
    return lost
