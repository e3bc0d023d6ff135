"""What stands where a prepared clip has no picture."""

from dataclasses import dataclass

from .choices import CONTROL_LENGTH_MODES, LENGTH_MODES

NEUTRAL = 0.5  # grey: no control
GENERATE = 1.0  # mask: this pixel is the model's


@dataclass(frozen=True)
class Outside:
    """Borders, and frames that fill up the length.

    image, mask: their values, 0..1
    border:      the colour in a word;  filling: that of whole frames
    modes:       the length modes there are
    fills:       the one of them that fills up with such frames
    """

    image: float
    mask: float
    border: str
    filling: str
    modes: tuple[str, ...]
    fills: str


# VACE generates what is grey. Elsewhere black is "nothing here", as behind a drawn skeleton, and
# a mask is black where there is nobody.
GREY = Outside(NEUTRAL, GENERATE, "grey", "neutral grey", LENGTH_MODES, "pad")
BLACK = Outside(0.0, 0.0, "black", "black", CONTROL_LENGTH_MODES, "black")
