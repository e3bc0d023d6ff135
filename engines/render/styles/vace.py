"""As VACE's own annotator draws (vace/annotators/dwpose): with the face."""

from .parts import body, face, feet, hands
from .style import Pixels, Style


def _size(pixels: float) -> Pixels:
    """Return a length that is `pixels` on a canvas whose shorter side is 1024, rounded to 64.

    VACE draws there and shrinks the picture.
    """
    return lambda height, width: pixels * min(height, width) / 1024


STYLE = Style(
    name="vace",
    order=20,
    groups=(
        body(_size(4), _size(4)),
        feet(_size(4), _size(4)),
        hands(_size(1), _size(4)),
        face(_size(3)),
    ),
    parts=("body", "face"),
    by_person=False,
)
