"""Heads that were found one by one, put into the places of their frames."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .heads import Heads


def ranked(frame: Tensor, scores: Tensor) -> Tensor:
    """Return the numbers [N] of heads on frames [N], frame by frame, highest scores [N] first."""
    order = scores.argsort(descending=True, stable=True)
    return order[frame[order].argsort(stable=True)]


def placed(empty: Heads, frame: Tensor, *, most: int, **values: Tensor) -> Heads:
    """Return `empty` with heads in its places.

    frame:  [N] of each, in rising order; those of a frame by descending score
    most:   most heads per frame, the first ones
    values: [N,...] by the names of the fields of `Heads`
    """
    count = torch.bincount(frame, minlength=len(empty))
    first = count.cumsum(0) - count
    place = torch.arange(len(frame), device=frame.device) - first[frame]
    kept = place < most
    count = count.clamp(max=most)
    heads = empty.with_places(max(1, int(count.max())))
    at = (frame[kept], place[kept])

    def put(name: str, found: Tensor) -> Tensor:
        into: Tensor = getattr(heads, name)
        return into.clone().index_put_(at, found[kept].to(into.dtype))

    made: dict[str, Any] = {name: put(name, found) for name, found in values.items()}
    return replace(heads, count=count, **made)
