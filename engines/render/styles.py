"""What each drawing style looks like: who is joined to whom, colours, sizes, order.

Joints are numbered as in openpose_wholebody_134, with the middles of both feet's toes appended.
"""

import colorsys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..pose.skeletons import OPENPOSE_134

RGB = tuple[int, int, int]
Size = Callable[[int, int], float]  # pixels, from the canvas height and width

PARTS = ("body", "feet", "hands", "face")
LEFT_TOES, RIGHT_TOES = len(OPENPOSE_134), len(OPENPOSE_134) + 1  # means of big and small toe
_FEET = OPENPOSE_134.parts["feet"].start
_FACE = OPENPOSE_134.parts["face"]
_HANDS = (OPENPOSE_134.parts["left_hand"], OPENPOSE_134.parts["right_hand"])


@dataclass(frozen=True)
class Group:
    """Limbs and dots of one part of the body that are drawn alike.

    limbs:      pairs of joints in drawing order, each with its colour (0..255 RGB)
    dots:       joints with their colours
    half_width: half the thickness of a limb
    radius:     of a dot
    ellipses:   limbs are ellipses through both joints; otherwise lines with round ends
    """

    part: str
    limbs: tuple[tuple[tuple[int, int], RGB], ...]
    dots: tuple[tuple[int, RGB], ...]
    half_width: Size
    radius: Size
    ellipses: bool = False


@dataclass(frozen=True)
class Style:
    """A way to draw a skeleton.

    groups:       in drawing order; all parts that the style can draw
    parts:        those that it draws unless asked otherwise
    joints_first: dots lie under the limbs
    by_person:    one person is finished before the next; otherwise all limbs of a group, then all
                  its dots
    """

    name: str
    groups: tuple[Group, ...]
    parts: tuple[str, ...]
    joints_first: bool = False
    by_person: bool = True


# OpenPose's 18 colours, for limb i and for joint i.
_RAINBOW: tuple[RGB, ...] = (
    *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0)),
    *((0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255)),
    *((0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)),
)
_OPENPOSE_LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10)),
    *((1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)


def _dimmed(colours: Iterable[RGB], by: float) -> tuple[RGB, ...]:
    return tuple((int(r * by), int(g * by), int(b * by)) for r, g, b in colours)


def _constant(value: float) -> Size:
    return lambda height, width: value


def _vace_size(pixels: float) -> Size:
    """`pixels` on a canvas whose shorter side is 1024 rounded to 64, seen at height x width.

    VACE draws there and shrinks the picture (vace/annotators/dwpose).
    """
    return lambda height, width: pixels * min(height, width) / 1024


def _yolo_nas_size(pixels: float) -> Size:
    """`pixels` on the 640x640 canvas of the networks, seen at height x width."""
    return lambda height, width: pixels * max(height, width) / 640


def _xinsir_size(height: int, width: int) -> float:
    """xinsir's ControlNets were trained with sticks that grow with the picture."""
    longer = max(height, width)
    return 4.0 * (1 if longer < 500 else min(2 + longer // 1000, 7))


def _wan_size(height: int, width: int) -> float:
    """Wan-Animate's sticks (human_visualization.py, draw_aapose_new)."""
    return max(int(min(height, width) / 200) - 1, 1)


def _wan_hand_size(height: int, width: int) -> float:
    return max(int(_wan_size(height, width)) // 2, 1)


def _body(half_width: Size, radius: Size) -> Group:
    return Group(
        part="body",
        limbs=tuple(zip(_OPENPOSE_LIMBS, _dimmed(_RAINBOW, 0.6), strict=False)),
        dots=tuple(enumerate(_RAINBOW)),
        half_width=half_width,
        radius=radius,
        ellipses=True,
    )


def _feet(half_width: Size, radius: Size) -> Group:
    """Toes and heels as OpenPose's BODY_25 has them; the packs find but do not draw them."""
    left, right = 13, 10  # ankles
    limbs, dots = [], []
    for side, (ankle, colour) in enumerate(((left, (0, 0, 255)), (right, (0, 255, 255)))):
        big, small, heel = (_FEET + 3 * side + point for point in range(3))
        dim = _dimmed([colour], 0.6)[0]
        limbs += [((ankle, big), dim), ((big, small), dim), ((ankle, heel), dim)]
        dots += [(joint, colour) for joint in (big, small, heel)]
    return Group("feet", tuple(limbs), tuple(dots), half_width, radius, ellipses=True)


def _hands(half_width: Size, radius: Size) -> Group:
    """Fingers in the colours of a circle of hues, blue dots."""
    limbs, dots = [], []
    for hand in _HANDS:
        edges = [(4 * f + p if p else 0, 4 * f + p + 1) for f in range(5) for p in range(4)]
        for number, (a, b) in enumerate(edges):
            red, green, blue = colorsys.hsv_to_rgb(number / len(edges), 1.0, 1.0)
            colour = (int(red * 255), int(green * 255), int(blue * 255))
            limbs.append(((hand.start + a, hand.start + b), colour))
        dots += [(joint, (0, 0, 255)) for joint in range(hand.start, hand.stop)]
    return Group("hands", tuple(limbs), tuple(dots), half_width, radius)


def _face(radius: Size) -> Group:
    """White dots; the packs' 70 are these 68 and the eyes of the body."""
    dots = tuple((joint, (255, 255, 255)) for joint in range(_FACE.start, _FACE.stop))
    return Group("face", (), dots, radius, radius)


OPENPOSE = Style(
    name="openpose",
    groups=(
        _body(_constant(4), _constant(4)),
        _feet(_constant(4), _constant(4)),
        _hands(_constant(1), _constant(4)),
        _face(_constant(3)),
    ),
    parts=("body", "hands", "face"),
)

VACE = Style(
    name="vace",
    groups=(
        _body(_vace_size(4), _vace_size(4)),
        _feet(_vace_size(4), _vace_size(4)),
        _hands(_vace_size(1), _vace_size(4)),
        _face(_vace_size(3)),
    ),
    parts=("body", "face"),
    by_person=False,
)

VACE_BODY = replace(VACE, name="vace_body", parts=("body",))

XINSIR = replace(
    OPENPOSE, name="xinsir", groups=(_body(_xinsir_size, _constant(4)), *OPENPOSE.groups[1:])
)

_WAN_TOES = (((13, LEFT_TOES), _RAINBOW[17]), ((10, RIGHT_TOES), (200, 200, 0)))
WAN_ANIMATE = Style(
    name="wan_animate",
    groups=(
        _body(_wan_size, _wan_size),
        Group(
            part="feet",
            limbs=tuple((pair, _dimmed([colour], 0.6)[0]) for pair, colour in _WAN_TOES),
            dots=((LEFT_TOES, (200, 200, 0)), (RIGHT_TOES, (100, 100, 0))),
            half_width=_wan_size,
            radius=_wan_size,
            ellipses=True,
        ),
        _hands(lambda h, w: _wan_hand_size(h, w) / 2, _wan_hand_size),
        _face(_constant(3)),
    ),
    parts=("body", "feet", "hands"),
)

# The YOLO-NAS-Pose packs draw COCO joints plus the neck: dots, then 10 px lines over them, the
# whole at three quarters of its brightness. Limbs and colours in OpenPose's joint order.
_YOLO_NAS: tuple[tuple[tuple[int, int], RGB], ...] = (
    ((0, 1), (0, 0, 255)),
    ((12, 13), (0, 85, 255)),
    ((9, 10), (0, 255, 170)),
    ((8, 9), (0, 255, 85)),
    ((8, 1), (0, 255, 85)),
    ((5, 2), (255, 0, 85)),
    ((11, 12), (0, 170, 255)),
    ((6, 7), (58, 177, 0)),
    ((5, 6), (119, 179, 0)),
    ((1, 11), (0, 179, 179)),
    ((2, 3), (179, 119, 0)),
    ((3, 4), (179, 179, 0)),
    ((15, 17), (179, 0, 119)),
    ((0, 15), (179, 0, 179)),
    ((0, 14), (118, 0, 178)),
    ((14, 16), (118, 0, 178)),
)
YOLO_NAS = Style(
    name="yolo_nas",
    groups=(
        Group(
            part="body",
            limbs=tuple((pair, _dimmed([colour], 0.75)[0]) for pair, colour in _YOLO_NAS),
            dots=tuple((joint, (0, 191, 0)) for joint in range(18)),
            half_width=_yolo_nas_size(5),
            radius=_yolo_nas_size(8),
        ),
        _feet(_yolo_nas_size(5), _yolo_nas_size(8)),
        _hands(_yolo_nas_size(2), _yolo_nas_size(3)),
        _face(_yolo_nas_size(3)),
    ),
    parts=("body",),
    joints_first=True,
)

STYLES = {s.name: s for s in (OPENPOSE, VACE, YOLO_NAS, VACE_BODY, XINSIR, WAN_ANIMATE)}

# Twelve hues that differ at a glance, neighbours far apart, for people by their track.
TRACK_COLOURS: tuple[RGB, ...] = (
    *((255, 64, 64), (64, 160, 255), (96, 224, 64), (255, 192, 0)),
    *((192, 96, 255), (0, 224, 208), (255, 112, 208), (160, 255, 160)),
    *((255, 144, 64), (96, 96, 255), (208, 224, 64), (224, 160, 128)),
)
UNTRACKED: RGB = (192, 192, 192)
