"""As ControlNet OpenPose and DWPose draw: with hands and face."""

from .parts import body, constant, face, feet, hands
from .style import Style

STYLE = Style(
    name="openpose",
    order=10,
    groups=(
        body(constant(4), constant(4)),
        feet(constant(4), constant(4)),
        hands(constant(1), constant(4)),
        face(constant(3)),
    ),
    parts=("body", "hands", "face"),
    grows=True,
)
