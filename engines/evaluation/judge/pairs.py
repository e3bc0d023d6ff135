"""Which detection is of which object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...datasets.records import Array, Record
from .found import Found

MATCH = 0.5
"""Least IoU of a box with the truth that it is of."""


@dataclass(frozen=True)
class Pairs:
    """The detection of each of N objects of one image.

    place: [N] int64, its number; -1: the object was missed
    iou:   [N] of the boxes; 0 where it was missed
    """

    place: NDArray[np.int64]
    iou: Array


def overlaps(one: Array, other: Array) -> Array:
    """Return the IoU [N,P] of boxes [N,4] and [P,4], each cx, cy, w, h."""
    low = [boxes[:, :2] - boxes[:, 2:] / 2 for boxes in (one, other)]
    high = [boxes[:, :2] + boxes[:, 2:] / 2 for boxes in (one, other)]
    sides = np.minimum(high[0][:, None], high[1]) - np.maximum(low[0][:, None], low[1])
    both = np.maximum(sides, 0).prod(-1)
    areas = one[:, 2:].prod(-1)[:, None] + other[:, 2:].prod(-1) - both
    iou: Array = np.divide(both, areas, out=np.zeros_like(both), where=areas > 0)
    return iou


def matched(found: Found, truth: Record, *, classes: bool = True, least: float = MATCH) -> Pairs:
    """Return the pairs of an image, those that overlap most first, each detection of one object.

    classes: only those of the same class
    least:   IoU of the boxes
    """
    iou = overlaps(truth.boxes, found.boxes)
    if classes:
        iou = np.where(truth.classes[:, None] == found.classes, iou, 0)
    place, overlap = np.full(len(truth), -1), np.zeros(len(truth))
    # Detection by detection, so that of equal overlaps the detection that was told first comes
    # first.
    order = np.argsort(-iou.T, axis=None, kind="stable")
    taken = np.zeros(len(found), bool)
    for flat in order[: int((iou >= least).sum())].tolist():
        detection, number = divmod(flat, len(truth))
        if place[number] < 0 and not taken[detection]:
            place[number], overlap[number] = detection, iou[number, detection]
            taken[detection] = True
    return Pairs(place, overlap)
