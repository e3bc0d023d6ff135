"""One-Euro filters on parts of objects with tracks, such as where they are and how they turn."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .one_euro import Memory, OneEuro
from .spaces import VECTORS, Space


@dataclass(frozen=True)
class Part:
    """One part of T objects in F frames.

    values: [F,T,...,D]
    seen:   [F,T,...] bool
    beta:   see `OneEuro`
    space:  what the values are
    unit:   of speed, see `OneEuro.run`
    """

    values: Tensor
    seen: Tensor
    beta: float
    space: Space = VECTORS
    unit: Tensor | None = None


@dataclass(frozen=True)
class Remembered:
    """What filters know at the end of a chunk: ids [T] of tracks, and of each part the memory."""

    ids: Tensor
    parts: Mapping[str, Memory]


def filter_parts(
    parts: Mapping[str, Part],
    ids: Tensor,
    known: Remembered | None,
    *,
    fps: float,
    min_cutoff: float,
    direction: str,
) -> tuple[dict[str, Tensor], Remembered | None]:
    """Return the parts, filtered, and what the next chunk needs to know.

    ids:       [T] int64 of the tracks, ascending; those in `known` are among them
    known:     at the end of the chunk before; None: these are the first frames
    direction: "causal", or "both": forward and backward, for whole clips only; nothing is
               remembered then
    """
    out: dict[str, Tensor] = {}
    kept: dict[str, Memory] = {}
    here = torch.zeros(len(ids), dtype=torch.bool)
    for name, part in parts.items():
        one_euro = OneEuro(fps, min_cutoff, part.beta, part.space)
        if direction == "both":
            out[name] = one_euro.run_both(part.values, part.seen, unit=part.unit)
            continue
        memory = Memory.empty(part.values.new_zeros(part.values.shape[1:]), part.space)
        if known is not None:
            memory.put(torch.searchsorted(ids, known.ids), known.parts[name])
        out[name], kept[name] = one_euro.run(part.values, part.seen, memory, unit=part.unit)
        remembered = one_euro.is_remembered(kept[name])
        here |= remembered.flatten(1).any(1) if remembered.ndim > 1 else remembered
    if not kept:
        return out, None
    return out, Remembered(ids[here], {name: memory.at(here) for name, memory in kept.items()})
