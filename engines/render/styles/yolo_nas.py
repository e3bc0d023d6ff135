"""As the YOLO-NAS-Pose packs draw.

COCO joints plus the neck: dots, then 10 px lines over them, the whole at three quarters of its
brightness.
"""

from .parts import dimmed, face, feet, hands
from .style import RGB, Group, Pixels, Style


def _size(pixels: float) -> Pixels:
    """Return a length that is `pixels` on the 640x640 canvas of the networks."""
    return lambda height, width: pixels * max(height, width) / 640


# Limbs and colours in OpenPose's joint order.
_LIMBS: tuple[tuple[tuple[int, int], RGB], ...] = (
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
STYLE = Style(
    name="yolo_nas",
    order=30,
    groups=(
        Group(
            part="body",
            limbs=tuple((pair, dimmed([colour], 0.75)[0]) for pair, colour in _LIMBS),
            dots=tuple((joint, (0, 191, 0)) for joint in range(18)),
            half_width=_size(5),
            radius=_size(8),
        ),
        feet(_size(5), _size(8)),
        hands(_size(2), _size(3)),
        face(_size(3)),
    ),
    parts=("body",),
    joints_first=True,
)
