"""As Wan-Animate draws (human_visualization.py, draw_aapose_new): thin, with toes and hands."""

from .parts import LEFT_TOES, RAINBOW, RIGHT_TOES, body, constant, dimmed, face, hands
from .style import Group, Style


def _size(height: int, width: int) -> float:
    return max(int(min(height, width) / 200) - 1, 1)


def _hand_size(height: int, width: int) -> float:
    return max(int(_size(height, width)) // 2, 1)


_TOES = (((13, LEFT_TOES), RAINBOW[17]), ((10, RIGHT_TOES), (200, 200, 0)))
STYLE = Style(
    name="wan_animate",
    order=60,
    groups=(
        body(_size, _size),
        Group(
            part="feet",
            limbs=tuple((pair, dimmed([colour], 0.6)[0]) for pair, colour in _TOES),
            dots=((LEFT_TOES, (200, 200, 0)), (RIGHT_TOES, (100, 100, 0))),
            half_width=_size,
            radius=_size,
            ellipses=True,
        ),
        hands(lambda h, w: _hand_size(h, w) / 2, _hand_size),
        face(constant(3)),
    ),
    parts=("body", "feet", "hands"),
)
