"""What each drawing style looks like: who is joined to whom, colours, sizes, order."""

from collections.abc import Callable
from dataclasses import dataclass

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Style:
    """A way to draw a skeleton of `skeleton` joints; sizes in pixels, colours 0..255 RGB.

    limbs:          pairs of joints, in drawing order
    half_width:     half the thickness of a limb, from the canvas height and width
    radius:         radius of a joint's dot, likewise
    ellipses:       limbs are ellipses through both joints; otherwise lines with round ends
    joints_first:   dots lie under the limbs
    by_person:      one person is finished before the next; otherwise all limbs, then all dots
    """

    name: str
    skeleton: str
    limbs: tuple[tuple[int, int], ...]
    limb_colours: tuple[RGB, ...]
    joint_colours: tuple[RGB, ...]
    half_width: Callable[[int, int], float]
    radius: Callable[[int, int], float]
    ellipses: bool = True
    joints_first: bool = False
    by_person: bool = True

    def __post_init__(self) -> None:
        assert len(self.limbs) == len(self.limb_colours), self.name
        assert max(max(pair) for pair in self.limbs) < len(self.joint_colours), self.name


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


def _dimmed(colours: tuple[RGB, ...], by: float) -> tuple[RGB, ...]:
    return tuple((int(r * by), int(g * by), int(b * by)) for r, g, b in colours)


def _constant(value: float) -> Callable[[int, int], float]:
    return lambda height, width: value


def _vace_size(height: int, width: int) -> float:
    """4 px on a canvas whose shorter side is 1024 rounded to 64, seen at height x width.

    VACE draws there and shrinks the picture (vace/annotators/dwpose).
    """
    return 4.0 * min(height, width) / 1024


def _yolo_nas_size(pixels: float) -> Callable[[int, int], float]:
    """`pixels` on the 640x640 canvas of the networks, seen at height x width."""
    return lambda height, width: pixels * max(height, width) / 640


OPENPOSE = Style(
    name="openpose",
    skeleton="openpose_18",
    limbs=_OPENPOSE_LIMBS,
    limb_colours=_dimmed(_RAINBOW[:17], 0.6),
    joint_colours=_RAINBOW,
    half_width=_constant(4),
    radius=_constant(4),
)

VACE = Style(
    name="vace",
    skeleton="openpose_18",
    limbs=_OPENPOSE_LIMBS,
    limb_colours=_dimmed(_RAINBOW[:17], 0.6),
    joint_colours=_RAINBOW,
    half_width=_vace_size,
    radius=_vace_size,
    by_person=False,
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
    skeleton="openpose_18",
    limbs=tuple(pair for pair, _ in _YOLO_NAS),
    limb_colours=_dimmed(tuple(colour for _, colour in _YOLO_NAS), 0.75),
    joint_colours=_dimmed(((0, 255, 0),) * 18, 0.75),
    half_width=_yolo_nas_size(5),
    radius=_yolo_nas_size(8),
    ellipses=False,
    joints_first=True,
)

STYLES = {style.name: style for style in (OPENPOSE, VACE, YOLO_NAS)}
