"""The box around the face."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...styles.style import Style
from .style import HeadPoints, HeadStyle, lines_and_dots, share

if TYPE_CHECKING:
    from ....head.heads import Heads

_COLOUR = (64, 224, 96)


def _points(heads: Heads) -> HeadPoints:
    points = heads.boxes[..., [0, 1, 2, 1, 2, 3, 0, 3]].unflatten(-1, (4, 2))  # clockwise
    return HeadPoints(points, heads.present[..., None].expand(points.shape[:3]))


def _look() -> Style:
    return lines_and_dots(
        "box",
        lines=[((corner, (corner + 1) % 4), _COLOUR) for corner in range(4)],
        half_width=share(1 / 400, 0.75),
        radius=share(1 / 400, 0.75),
    )


STYLE = HeadStyle("box", _points, _look, landmarks=False, order=20)
