"""The axes of the head, seen in perspective: red to its left, green up, blue where it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...styles.style import Style
from .style import HeadPoints, HeadStyle, lines_and_dots, share

if TYPE_CHECKING:
    from ....head.heads import Heads

_LENGTH = 12.0  # cm: the blue one comes out of the face, whose nose ends at 7.5
_COLOURS = ((255, 48, 48), (32, 224, 32), (48, 128, 255))


def _points(heads: Heads) -> HeadPoints:
    from ..projection import axes_of

    return axes_of(heads, _LENGTH)


def _look() -> Style:
    return lines_and_dots(
        "axes",
        lines=[((0, axis + 1), colour) for axis, colour in enumerate(_COLOURS)],
        half_width=share(1 / 200, 1.0),
        radius=share(1 / 200, 1.0),
    )


STYLE = HeadStyle("axes", _points, _look, landmarks=False, order=10)
