"""How large the objects of each class are."""

from collections.abc import Sequence

import torch

from .object_truth import ObjectTruth


def bounds_of(truths: Sequence[ObjectTruth], classes: int) -> list[list[list[float]] | None]:
    """Return for each class the least and the greatest x, y, z in m of all its shapes' points.

    None for a class without shapes, and for shapes that are flat.
    """
    every: list[list[torch.Tensor]] = [[] for _ in range(classes)]
    for truth in truths:
        for number, points in zip(truth.classes.tolist(), truth.cad_points, strict=False):
            every[number].append(torch.stack([points.amin(0), points.amax(0)]))
    found: list[list[list[float]] | None] = []
    for ends in every:
        if not ends:
            found.append(None)
            continue
        both = torch.stack(ends)
        low, high = both[:, 0].amin(0), both[:, 1].amax(0)
        found.append([low.tolist(), high.tolist()] if bool((low < high).all()) else None)
    return found
