"""All landmarks of the face as dots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...styles.style import Style
from .style import HeadPoints, HeadStyle, lines_and_dots, share

if TYPE_CHECKING:
    from ....head.heads import Heads

POINTS = 468
_COLOUR = (255, 255, 255)


def _points(heads: Heads) -> HeadPoints:
    from ..projection import landmarks_of

    return landmarks_of(heads, heads.landmarks)


def _look() -> Style:
    return lines_and_dots(
        "landmarks",
        dots=[(point, _COLOUR) for point in range(POINTS)],
        half_width=share(1 / 700, 0.75),
        radius=share(1 / 700, 0.75),
    )


STYLE = HeadStyle("landmarks", _points, _look, landmarks=True, order=40)
