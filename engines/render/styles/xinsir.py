"""As `openpose`, with the thicker sticks of xinsir's ControlNets."""

from dataclasses import replace

from . import openpose
from .parts import body, constant


def _size(height: int, width: int) -> float:
    """Return the sticks' half width, which grows with the picture as in training."""
    longer = max(height, width)
    return 4.0 * (1 if longer < 500 else min(2 + longer // 1000, 7))


STYLE = replace(
    openpose.STYLE,
    name="xinsir",
    groups=(body(_size, constant(4)), *openpose.STYLE.groups[1:]),
    grows=False,
    order=50,
)
