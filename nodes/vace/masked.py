"""What is shared by the nodes that choose what a VACE model generates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..api import io
from ..show import Shown

if TYPE_CHECKING:
    from ...engines.vace.masks import Masked

FRAMES = "first, last, numbers (-1 is the last), ranges such as 0-8, every 16; separated by commas"


def masked_outputs() -> list[Any]:
    """Return the outputs of a node that masks a clip."""
    return [
        io.Image.Output(
            display_name="image",
            tooltip="For VACE Normalise: the frames, with everything to be generated painted "
            "neutral grey.",
        ),
        io.Mask.Output(
            display_name="mask",
            tooltip="For VACE Normalise: white = generate, black = keep; one per frame.",
        ),
    ]


def shown(masked: Masked, text: str = "") -> io.NodeOutput:
    """Return those outputs, and show `text` with how much is generated."""
    from ...engines.vace.masks import SPLIT, in_words

    said = "; ".join(filter(None, (text, in_words(masked.mask))))
    if not bool((masked.mask > SPLIT).any()):
        said += (
            "\nWarning: nothing is generated; connect a mask or boxes that hold something, or look "
            "at keep"
        )
    return io.NodeOutput(masked.image, masked.mask, ui=Shown(said))
