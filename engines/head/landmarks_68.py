"""From the 468 points of the face mesh to the 68 points of iBUG and Multi-PIE, or OpenPose's 70.

The 68 points are defined by features: so many along the jaw, the brows, the nose, the lids and the
lips (Sagonas et al., 300 Faces in-the-Wild Challenge, ICCVW 2013, figure 1). The mesh has a row of
vertices along each of these. The points are placed on the rows on the canonical face, by length as
seen from the front, and keep their places between two vertices in every face.

- 0-16 jaw: evenly from ear to ear, at the height of the eyes, over the chin
- 17-21, 22-26 brows: evenly along their middle lines, from left to right
- 27-30 bridge of the nose: evenly from its root, where it is deepest, to its tip
- 31-35 below the nose: evenly from wing to wing
- 36-41, 42-47 eyes: the corners, and thirds of the lids, clockwise from the left corner
- 48-59 outline of the lips: the corners, the bow's two peaks and its middle, the middles between
  peaks and corners; sixths of the lower lip; clockwise from the left corner
- 60-67 inside of the lips: the corners, the middles and thirds, clockwise from the left corner
- 68-69 pupils: the mesh has none; the centres of the lids take their place

Left and right are those of the picture. In turned faces the jaw is that of the head, as in
annotations in 3D, not the outline in the picture.
"""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from ..errors import InputError
from .canonical import canonical_face

_Row = tuple[int | tuple[int, int], ...]  # vertices, or middles of two, rightwards or downwards

_JAW = (
    *(127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356),
)
_BROWS = (
    ((70, 46), (63, 53), (105, 52), (66, 65), (107, 55)),
    ((336, 285), (296, 295), (334, 282), (293, 283), (300, 276)),
)
_BRIDGE = (168, 6, 197, 195, 5, 4)
_WINGS = (98, 97, 2, 326, 327)
_UPPER_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
_LOWER_LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)
_TO_PEAK, _FROM_PEAK = (61, 185, 40, 39, 37), (267, 269, 270, 409, 291)
_BOW = 0
_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
_INSIDE_ABOVE = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_INSIDE_BELOW = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)

_THIRD, _HALF = 1 / 3, 1 / 2


def _evenly(count: int) -> Sequence[float]:
    return [place / (count - 1) for place in range(count)]


_PLACES: tuple[tuple[_Row, Sequence[float]], ...] = (  # rows, and where on them, 0..1
    (_JAW, _evenly(17)),
    *((brow, _evenly(5)) for brow in _BROWS),
    (_BRIDGE, _evenly(4)),
    (_WINGS, _evenly(5)),
    *(
        row
        for upper, lower in zip(_UPPER_LIDS, _LOWER_LIDS, strict=True)
        for row in ((upper, (0, _THIRD, 2 * _THIRD)), (lower, (1, 2 * _THIRD, _THIRD)))
    ),
    (_TO_PEAK, (0, _HALF, 1)),
    ((_BOW,), (0,)),
    (_FROM_PEAK, (0, _HALF, 1)),
    (_LOWER_LIP, _evenly(7)[5:0:-1]),
    (_INSIDE_ABOVE, (0, _THIRD, _HALF, 2 * _THIRD, 1)),
    (_INSIDE_BELOW, (2 * _THIRD, _HALF, _THIRD)),
)


def landmarks_68(points: Tensor) -> Tensor:
    """Return the 68 points [...,68,D] of faces given by the mesh [...,468,D], in the same unit.

    Raises `InputError` for another number of points, such as none.
    """
    return _taken(points, _places())


def landmarks_70(points: Tensor) -> Tensor:
    """Return OpenPose's 70 points [...,70,D]: the 68, and the pupils.

    Raises `InputError` for another number of points, such as none.
    """
    face = landmarks_68(points)
    return torch.cat([face, *(_taken(points, lids) for lids in _pupils())], -2)


@cache
def _places() -> Tensor:
    """Return how much each of 468 vertices counts in each of the 68 points: [68,468]."""
    return torch.cat([_weights(row, places) for row, places in _PLACES])


@cache
def _pupils() -> tuple[Tensor, Tensor]:
    """Return how much each vertex counts in the pupils: [1,468] each."""
    first, second = (
        _weights(upper, _evenly(9)).mean(0, keepdim=True) / 2
        + _weights(lower, _evenly(9)).mean(0, keepdim=True) / 2
        for upper, lower in zip(_UPPER_LIDS, _LOWER_LIDS, strict=True)
    )
    return first, second


def _weights(row: _Row, places: Sequence[float]) -> Tensor:
    """Return how much each vertex counts in points on a row: [N,468]."""
    flat = canonical_face().vertices[:, :2]
    ends = torch.zeros(len(row), len(flat))
    for corner, vertices in enumerate(row):
        ends[corner, torch.tensor(vertices)] = 0.5 if isinstance(vertices, tuple) else 1.0
    if len(row) == 1:
        return ends.expand(len(places), -1)
    corners = ends @ flat
    length = torch.cat([torch.zeros(1), (corners[1:] - corners[:-1]).norm(dim=1).cumsum(0)])
    at = torch.as_tensor(places, dtype=length.dtype) * length[-1]
    after = torch.searchsorted(length, at).clamp(1, len(row) - 1)
    share = (at - length[after - 1]) / (length[after] - length[after - 1])
    weights: Tensor = torch.lerp(ends[after - 1], ends[after], share[:, None])
    return weights


def _taken(points: Tensor, weights: Tensor) -> Tensor:
    if points.shape[-2] != weights.shape[1]:
        raise InputError(
            f"landmarks: expected {weights.shape[1]} points of the face mesh, found "
            f"{points.shape[-2]}; detect heads with mediapipe_face"
        )
    return weights.to(points.device, points.dtype) @ points
