"""How far the pose of every object is from the truth, object by object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...datasets.records import Array, Record, RecordKinds
from .found import Found
from .pairs import Pairs
from .turns import alike, between

_SPREAD = 2000  # points of a shape that its diameter, and distances to the nearest, are taken of


@dataclass(frozen=True)
class Errors:
    """The errors of N objects of all images. NaN: cannot be told, as the truth is not known.

    A missed object, or one whose pose was not told, is turned by 180 degrees and infinitely far
    away.

    image, number: [N] which object of which image
    place:     [N] number of its detection, -1: missed
    iou:       [N]
    rotation:  [N] degrees to the nearest turn that looks alike
    turned:    [N] degrees to the very rotation of the truth
    distance:  [N] m between the origins
    depth:     [N] m along the optical axis
    add:       [N] m, mean distance of the shape's points, in the best of the turns that look alike
    add_plain: [N] m, the same for the very rotation of the truth
    adds:      [N] m, mean distance of the shape's points to the nearest of the truth's
    diameter:  [N] m of the shape
    """

    image: NDArray[np.int64]
    number: NDArray[np.int64]
    place: NDArray[np.int64]
    iou: Array
    rotation: Array
    turned: Array
    distance: Array
    depth: Array
    add: Array
    add_plain: Array
    adds: Array
    diameter: Array

    def __len__(self) -> int:
        return len(self.image)

    @property
    def missed(self) -> NDArray[np.bool_]:
        """[N]."""
        return self.place < 0


_MEASURED = ("rotation", "turned", "distance", "depth", "add", "add_plain", "adds", "diameter")


def errors_of(
    found: Sequence[Found],
    truths: Sequence[Record],
    pairs: Sequence[Pairs],
    kinds: RecordKinds,
) -> Errors:
    """Return the errors of every object of images."""
    rows = [
        _object(some, truth, number, int(place), kinds)
        for some, truth, pair in zip(found, truths, pairs, strict=True)
        for number, place in enumerate(pair.place)
    ]
    table = np.array(rows, np.float64).reshape(len(rows), len(_MEASURED))
    counts = [len(truth) for truth in truths]
    none = np.zeros(0, np.int64)
    return Errors(
        np.repeat(np.arange(len(truths)), counts),
        np.concatenate([none, *(np.arange(count) for count in counts)]),
        np.concatenate([none, *(pair.place for pair in pairs)]),
        np.concatenate([np.zeros(0), *(pair.iou for pair in pairs)]),
        *table.T,
    )


def _object(
    found: Found, truth: Record, number: int, place: int, kinds: RecordKinds
) -> tuple[float, ...]:
    """Return the errors of one object, in the order of `_MEASURED`."""
    nan, far = np.nan, np.inf
    true_turn = None if truth.rotation is None else truth.rotation[number]
    true_place = None if truth.translation is None else truth.translation[number]
    true_depth = None if truth.z is None else float(truth.z[number])
    points = truth.cad_points[number] if truth.cad_points else None
    size = diameter(points) if points is not None else nan
    turn, origin = np.full((3, 3), nan), np.full(3, nan)
    if place >= 0:
        turn, origin = found.rotation[place], found.translation[place]
    knows_turn, knows_place = bool(np.isfinite(turn).all()), bool(np.isfinite(origin).all())

    rotation = turned = nan
    same = np.zeros((0, 3, 3))
    if true_turn is not None:
        rotation = turned = 180.0
        if knows_turn:
            same = alike(true_turn, turn, kinds, int(truth.classes[number]))
            rotation = float(between(same, turn).min())
            turned = float(between(true_turn, turn))
    distance = nan
    if true_place is not None:
        distance = float(np.linalg.norm(origin - true_place)) if knows_place else far
    depth = nan
    if true_depth is not None:
        depth = abs(float(origin[2]) - true_depth) if knows_place else far
    if true_turn is None or true_place is None or points is None:
        return rotation, turned, distance, depth, nan, nan, nan, size
    if not (knows_turn and knows_place):
        return rotation, turned, distance, depth, far, far, far, size
    told = points @ turn.T + origin
    every = points @ same.swapaxes(1, 2) + true_place  # [S,V,3]
    add = float(np.linalg.norm(told - every, axis=-1).mean(-1).min())
    right = points @ true_turn.T + true_place
    plain = float(np.linalg.norm(told - right, axis=-1).mean())
    return rotation, turned, distance, depth, add, plain, _nearest(told, right), size


def _nearest(told: Array, right: Array) -> float:
    """Return the mean distance of points to the nearest of others."""
    from scipy.spatial import KDTree

    return float(KDTree(right).query(told)[0].mean())


def diameter(points: Array) -> float:
    """Return the largest distance between points [V,3] of a shape, of many points of some.

    Remembered for 256 shapes, as most objects are of few kinds.
    """
    some = np.asarray(points[:: -(-len(points) // _SPREAD)], np.float64)
    return _diameter(some.tobytes())


@lru_cache(256)
def _diameter(points: bytes) -> float:
    some = np.frombuffer(points).reshape(-1, 3)
    return float(np.linalg.norm(some[:, None] - some, axis=-1).max())
