"""The 68 points of a face in iBUG's order, white, as `openpose_face_70` without the pupils."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .openpose_face_70 import white_points
from .style import HeadPoints, HeadStyle

if TYPE_CHECKING:
    from ....head.heads import Heads


def _points(heads: Heads) -> HeadPoints:
    from ....head.landmarks_68 import landmarks_68
    from ..projection import landmarks_of

    return landmarks_of(heads, landmarks_68(heads.landmarks))


STYLE = HeadStyle("face_68", _points, lambda: white_points("face_68", 68), landmarks=True, order=70)
