"""Whether the keypoints of a detection tell the same pose as the detection itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...datasets.records import Array, Record
from .found import Found
from .pairs import Pairs
from .turns import between

_SAME = 0.02  # of the picture's longer side: how far a shape's point may be from its keypoint
_LEAST = 4  # points that a pose follows from


@dataclass(frozen=True)
class Consistency:
    """Keypoints against the pose, of every found object whose keypoints are points of its shape.

    rotation:     [N] degrees between the pose that follows from the keypoints and the one told
    distance:     [N] m between the two
    reprojection: [N] mean distance of the keypoints from where the pose puts them, as part of the
                  box's longer side
    reason:       why nothing was measured; "" if something was
    """

    rotation: Array
    distance: Array
    reprojection: Array
    reason: str = ""


def consistency(
    found: Sequence[Found], truths: Sequence[Record], pairs: Sequence[Pairs]
) -> Consistency:
    """Compare the poses of found objects with those that follow from their keypoints.

    The shape's points have to be the keypoints, one by one. Whether they are is not told by a data
    set, so it is checked: put where the truth says, they must appear at the labelled keypoints.
    """
    rows = []
    shapes = told = 0
    for some, truth, pair in zip(found, truths, pairs, strict=True):
        for number, place in enumerate(pair.place.tolist()):
            points = _corresponding(truth, number)
            shapes += points is not None
            if points is None or place < 0 or some.intrinsics is None or some.size is None:
                continue
            row = _compared(some, place, points)
            told += 1
            rows.append(row)
    table = np.array(rows, np.float64).reshape(len(rows), 3)
    reason = ""
    if not shapes:
        reason = "no object has a shape whose points are its keypoints"
    elif not told:
        reason = "no found object has intrinsics"
    elif not bool(np.isfinite(table).any()):
        reason = "no found object has keypoints and a pose"
    keep = ~np.isnan(table[:, 2])
    turned, distance, reprojection = table[keep].T
    return Consistency(turned, distance, reprojection, reason)


def _corresponding(truth: Record, number: int) -> Array | None:
    """Return the points [K,3] of an object's shape if they are its keypoints."""
    if (
        not truth.cad_points
        or truth.rotation is None
        or truth.translation is None
        or truth.intrinsics is None
    ):
        return None
    points, labelled = truth.cad_points[number], truth.keypoints[number]
    if len(points) != len(labelled) or len(points) < _LEAST:
        return None
    seen = labelled[:, 2] > 0
    placed = points @ truth.rotation[number].T + truth.translation[number]
    if not seen.any() or bool((placed[:, 2] <= 0).any()):
        return None
    at = _projected(placed, truth.intrinsics)
    off = np.linalg.norm(at - labelled[:, :2] * truth.size[::-1], axis=1)[seen]
    return points if bool((off < _SAME * max(truth.size)).all()) else None


def _compared(found: Found, place: int, points: Array) -> tuple[float, float, float]:
    """Return the row of a detection; NaN if it tells no pose or no keypoints."""
    import cv2

    turn, origin, joints = found.rotation[place], found.translation[place], found.keypoints[place]
    assert found.size is not None
    assert found.intrinsics is not None
    unknown = np.nan, np.nan, np.nan
    if not (np.isfinite(turn).all() and np.isfinite(origin).all() and joints[:, :2].any()):
        return unknown
    seen = joints[:, :2] * found.size[::-1]
    fx, fy, cx, cy = found.intrinsics
    lens = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    placed = points @ turn.T + origin
    off = np.inf
    if bool((placed[:, 2] > 0).all()):
        side = float((found.boxes[place, 2:] * found.size[::-1]).max())
        apart = np.linalg.norm(_projected(placed, found.intrinsics) - seen, axis=1)
        off = float(apart.mean()) / side
    solved, spin, shift = cv2.solvePnP(
        points.astype(np.float64), seen, lens, None, flags=cv2.SOLVEPNP_SQPNP
    )
    if not solved:  # keypoints that no pose explains
        return 180.0, np.inf, off
    other: Any = cv2.Rodrigues(spin)[0]
    return (
        float(between(other, turn)),
        float(np.linalg.norm(shift.ravel() - origin)),
        off,
    )


def _projected(points: Array, intrinsics: Array) -> Array:
    """Return where points [K,3] with z > 0 appear, [K,2] px."""
    return points[:, :2] / points[:, 2:] * intrinsics[:2] + intrinsics[2:]
