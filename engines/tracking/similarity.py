"""Similarities of objects in successive frames, 0..1.

`KeypointSimilarity` and `BoxSimilarity` are what an `Association` takes; a domain may add its own,
such as the angle between two rotations.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..geometry.boxes import iou
from .association import Doubles, Floats, Known, Observations, moved

_RATIO = 3.0  # objects do not become so many times as large from one frame to the next


def nearness(known: Known, now: Observations) -> Doubles:
    """Return how near the centres of T and N objects are [T,N], relative to their sizes."""
    gone = known.gone.astype(np.float32)[:, None]
    apart = moved(known.objects.centres, known.ahead)[:, None] - now.centres[None]
    # positions become less certain over time
    room = mean_sizes(known, now) * (0.5 + 0.1 * gone)
    near: Doubles = np.exp(-(np.square(apart).sum(-1)) / np.square(room))
    return near


def mean_sizes(known: Known, now: Observations) -> Doubles:
    """Return the geometric mean [T,N] px of the sizes of T and N objects."""
    mean: Doubles = np.sqrt(known.objects.sizes[:, None] * now.sizes[None])
    return mean


def of_like_size(similarity: Doubles, known: Known, now: Observations) -> Doubles:
    """Return `similarity` [T,N] with 0 where one object is three times as large as the other."""
    ratio = known.objects.sizes[:, None] / now.sizes[None]
    return np.where((ratio > _RATIO) | (ratio < 1 / _RATIO), 0, similarity)


@dataclass(frozen=True)
class KeypointSimilarity:
    """Object keypoint similarity (OKS), mixed with the nearness of the boxes' centres.

    Objects have the features "points" [N,K,2] px and "seen" [N,K] bool. Where fewer than
    `least_common` points are seen in both, the centres decide alone.

    spread: [K] by how much of an object's size each point may be off
    part:   of the OKS, 0..1
    """

    spread: Floats
    part: float = 0.7
    least_common: int = 3

    def __call__(self, known: Known, now: Observations) -> Doubles:
        near = nearness(known, now)
        size, gone = mean_sizes(known, now), known.gone.astype(np.float32)[:, None]
        points = moved(known.objects.features["points"], known.ahead)
        apart = points[:, None] - now.features["points"][None]
        both = known.objects.features["seen"][:, None] & now.features["seen"][None]
        width = np.square(size)[..., None] * np.square(self.spread) * (1 + 0.2 * gone[..., None])
        oks, common = keypoint_similarity(np.square(apart).sum(-1), both, width)
        enough = common >= self.least_common
        similarity = np.where(enough, self.part * oks + (1 - self.part) * near, near)
        return of_like_size(similarity, known, now)


def keypoint_similarity(
    squared: NDArray[Any], both: NDArray[np.bool_], width: NDArray[Any]
) -> tuple[Doubles, NDArray[Any]]:
    """Return the OKS [...] of points whose squared distances are [...,K], and how many count.

    both:  [...,K] which points are seen in both
    width: [...,K] px², the variance of each point
    """
    alike = np.exp(-squared / (2 * width))
    common = both.sum(-1)
    return (alike * both).sum(-1) / np.maximum(common, 1), common


def median_of_points(old: Observations, new: Observations) -> Floats:
    """Return the median way [M,2] px of the points seen in both frames, which is steadier than the
    box; the way of the centre where fewer than three are."""
    both = old.features["seen"] & new.features["seen"]  # [M,K]
    ways = new.features["points"] - old.features["points"]
    count = both.sum(1)
    finite = np.isfinite(np.where(both[..., None], ways, 0)).all(1)
    ordered = np.sort(np.where(both[..., None], ways, np.inf), axis=1)  # [M,K,2]
    row = np.arange(len(count))
    low, high = ordered[row, np.maximum(count - 1, 0) // 2], ordered[row, count // 2]
    middle = np.where(finite, (low + high) / 2, np.nan)
    return np.where((count >= 3)[:, None], middle, new.centres - old.centres)


@dataclass(frozen=True)
class BoxSimilarity:
    """Intersection over union, mixed with the nearness of the centres.

    Objects have the feature "boxes" [N,4] px.

    part: of the IoU, 0..1
    """

    part: float = 0.7

    def __call__(self, known: Known, now: Observations) -> Doubles:
        boxes = known.objects.features["boxes"] + np.tile(known.ahead, 2)
        overlap = iou(torch.from_numpy(boxes)[:, None], torch.from_numpy(now.features["boxes"]))
        similarity = self.part * overlap.numpy() + (1 - self.part) * nearness(known, now)
        return of_like_size(similarity, known, now)


def box_observations(boxes: NDArray[Any]) -> Observations:
    """Return boxes [N,4] px as objects, with the feature "boxes"."""
    sides = boxes[:, 2:] - boxes[:, :2]
    sizes = np.sqrt(np.maximum(sides.prod(1), 1.0)).astype(np.float64)
    return Observations((boxes[:, 2:] + boxes[:, :2]) / 2, sizes, {"boxes": boxes})
