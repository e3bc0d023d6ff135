"""As OpenPose and DWPose draw faces: 70 white points, the last two the pupils."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...styles.parts import constant
from ...styles.style import Style
from .style import HeadPoints, HeadStyle, lines_and_dots

if TYPE_CHECKING:
    from ....head.heads import Heads

_RADIUS = 3.0  # px, of controlnet_aux, dwpose/util.py, draw_facepose


def _points(heads: Heads) -> HeadPoints:
    from ....head.landmarks_68 import landmarks_70
    from ..projection import landmarks_of

    return landmarks_of(heads, landmarks_70(heads.landmarks))


def white_points(name: str, count: int) -> Style:
    """Return the look of so many white points."""
    return lines_and_dots(
        name,
        dots=[(point, (255, 255, 255)) for point in range(count)],
        half_width=constant(_RADIUS),
        radius=constant(_RADIUS),
        grows=True,
    )


STYLE = HeadStyle(
    "openpose_face_70",
    _points,
    lambda: white_points("openpose_face_70", 70),
    landmarks=True,
    order=60,
)
