"""As ControlNetMediaPipeFace was trained: the contours of a face, one colour for each feature.

Source of colours and sizes: laion_face_common.py and tool_generate_face_poses.py of
huggingface.co/CrucibleAI/ControlNetMediaPipeFace, whose colours are swapped from BGR before they
are saved. It draws pupils as squares of 4 px at points that the embedded network does not find;
here they are dots of the same area in the middle between the lids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....head.contours import (
    FACE_OVAL,
    LEFT_EYE,
    LEFT_EYEBROW,
    LIPS,
    RIGHT_EYE,
    RIGHT_EYEBROW,
)
from ...styles.parts import constant
from ...styles.style import RGB, Style
from .style import HeadPoints, HeadStyle, lines_and_dots

if TYPE_CHECKING:
    from ....head.heads import Heads

_LINES: tuple[tuple[tuple[tuple[int, int], ...], RGB], ...] = (
    (FACE_OVAL, (10, 200, 10)),
    (LEFT_EYE, (10, 200, 180)),
    (LEFT_EYEBROW, (10, 220, 180)),
    (RIGHT_EYE, (180, 200, 10)),
    (RIGHT_EYEBROW, (180, 220, 10)),
    (LIPS, (10, 180, 10)),
)
_PUPILS = ((468, (250, 200, 10)), (469, (10, 200, 250)))  # right and left, behind the landmarks
_HALF_WIDTH = 1.375  # px: OpenCV's lines of thickness 2 cover about 2.75 px across
_HALF_SQUARE = 2.2568  # px: the radius of a circle of 16 px


def _points(heads: Heads) -> HeadPoints:
    import torch

    from ....head.landmarks_68 import landmarks_70
    from ..projection import landmarks_of

    pupils = landmarks_70(heads.landmarks)[..., 68:, :]
    return landmarks_of(heads, torch.cat([heads.landmarks, pupils], 2))


def _look() -> Style:
    return lines_and_dots(
        "mediapipe_face",
        lines=[(ends, colour) for contour, colour in _LINES for ends in contour],
        dots=_PUPILS,
        half_width=constant(_HALF_WIDTH),
        radius=constant(_HALF_SQUARE),
        grows=True,
    )


STYLE = HeadStyle("mediapipe_face", _points, _look, landmarks=True, order=50)
