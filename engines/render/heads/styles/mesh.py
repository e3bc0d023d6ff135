"""The canonical face as a wireframe in the head's pose, without what it hides itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...styles.style import Style
from .style import HeadPoints, HeadStyle, lines_and_dots, share

if TYPE_CHECKING:
    from ....head.heads import Heads

_COLOUR = (96, 224, 255)


def _points(heads: Heads) -> HeadPoints:
    from ..projection import wireframe_of

    return wireframe_of(heads)


def _look() -> Style:
    from ..projection import canonical_edges

    ends, _ = canonical_edges()
    return lines_and_dots(
        "mesh",
        lines=[((a, b), _COLOUR) for a, b in ends.tolist()],
        half_width=share(1 / 1400, 0.35),
        radius=share(1 / 1400, 0.35),
    )


STYLE = HeadStyle("mesh", _points, _look, landmarks=False, order=30)
