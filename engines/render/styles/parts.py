"""Limbs and dots of each part of the body, as most styles have them.

Joints are numbered as in openpose_wholebody_134, with the middles of both feet's toes appended.
"""

import colorsys
from collections.abc import Iterable

from ...pose.skeletons import OPENPOSE_134
from .style import RGB, Group, Pixels

LEFT_TOES, RIGHT_TOES = len(OPENPOSE_134), len(OPENPOSE_134) + 1  # means of big and small toe
_FEET = OPENPOSE_134.parts["feet"].start
_FACE = OPENPOSE_134.parts["face"]
_HANDS = (OPENPOSE_134.parts["left_hand"], OPENPOSE_134.parts["right_hand"])

# OpenPose's 18 colours, for limb i and for joint i.
RAINBOW: tuple[RGB, ...] = (
    *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0)),
    *((0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255)),
    *((0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)),
)
_OPENPOSE_LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10)),
    *((1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)


def dimmed(colours: Iterable[RGB], by: float) -> tuple[RGB, ...]:
    """Return colours at `by` of their brightness, rounded down."""
    return tuple((int(r * by), int(g * by), int(b * by)) for r, g, b in colours)


def constant(value: float) -> Pixels:
    """Return a length that does not depend on the canvas."""
    return lambda height, width: value


def body(half_width: Pixels, radius: Pixels) -> Group:
    """Return OpenPose's body: ellipses at 0.6 of the brightness, bright dots over them."""
    return Group(
        part="body",
        limbs=tuple(zip(_OPENPOSE_LIMBS, dimmed(RAINBOW, 0.6), strict=False)),
        dots=tuple(enumerate(RAINBOW)),
        half_width=half_width,
        radius=radius,
        ellipses=True,
    )


def feet(half_width: Pixels, radius: Pixels) -> Group:
    """Return toes and heels as in OpenPose's BODY_25; the packs find but do not draw them."""
    left, right = 13, 10  # ankles
    limbs, dots = [], []
    for side, (ankle, colour) in enumerate(((left, (0, 0, 255)), (right, (0, 255, 255)))):
        big, small, heel = (_FEET + 3 * side + point for point in range(3))
        dim = dimmed([colour], 0.6)[0]
        limbs += [((ankle, big), dim), ((big, small), dim), ((ankle, heel), dim)]
        dots += [(joint, colour) for joint in (big, small, heel)]
    return Group("feet", tuple(limbs), tuple(dots), half_width, radius, ellipses=True)


def hands(half_width: Pixels, radius: Pixels) -> Group:
    """Return fingers in the colours of a circle of hues, with blue dots."""
    limbs, dots = [], []
    for hand in _HANDS:
        edges = [(4 * f + p if p else 0, 4 * f + p + 1) for f in range(5) for p in range(4)]
        for number, (a, b) in enumerate(edges):
            red, green, blue = colorsys.hsv_to_rgb(number / len(edges), 1.0, 1.0)
            colour = (int(red * 255), int(green * 255), int(blue * 255))
            limbs.append(((hand.start + a, hand.start + b), colour))
        dots += [(joint, (0, 0, 255)) for joint in range(hand.start, hand.stop)]
    return Group("hands", tuple(limbs), tuple(dots), half_width, radius)


def face(radius: Pixels) -> Group:
    """Return white dots; the packs' 70 are these 68 and the eyes of the body."""
    dots = tuple((joint, (255, 255, 255)) for joint in range(_FACE.start, _FACE.stop))
    return Group("face", (), dots, radius, radius)
