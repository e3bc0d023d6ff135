"""As ComfyUI's SDPose Draw Keypoints draws: bright sticks of fixed width, feet as dots.

Sizes and colours: ComfyUI 0.33, comfy_extras/nodes_sdpose.py, KeypointDraw, with the face points of
2 px of the templates for SDPose and MiniMax H3. Their pictures are 1024 px long.
"""

from dataclasses import replace

from ...pose.skeletons import OPENPOSE_134
from .parts import RAINBOW, body, constant, face, hands
from .style import Group, Style

_FEET = OPENPOSE_134.parts["feet"]
_BODY = body(constant(4), constant(4))
# OpenCV's lines of thickness 2 are 3 px wide, those of the drawer without OpenCV a little more.
_HANDS = hands(constant(1.5), constant(4))


def _hand(part: str) -> Group:
    """Return the limbs and dots of one hand."""
    place = OPENPOSE_134.parts[part]
    within = range(place.start, place.stop)
    return replace(
        _HANDS,
        limbs=tuple(limb for limb in _HANDS.limbs if limb[0][0] in within),
        dots=tuple(dot for dot in _HANDS.dots if dot[0] in within),
    )


STYLE = Style(
    name="sdpose",
    order=70,
    groups=(
        replace(
            _BODY,
            limbs=tuple(
                (pair, bright) for (pair, _), bright in zip(_BODY.limbs, RAINBOW, strict=False)
            ),
        ),
        Group(
            part="feet",
            limbs=(),
            dots=tuple(zip(range(_FEET.start, _FEET.stop), RAINBOW, strict=False)),
            half_width=constant(4),
            radius=constant(4),
        ),
        _hand("right_hand"),
        _hand("left_hand"),
        face(constant(2)),
    ),
    parts=("body", "feet", "hands", "face"),
    inside=True,
)
