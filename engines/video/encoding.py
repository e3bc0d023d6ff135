"""How H.264 is written, and in which sizes."""

from dataclasses import dataclass
from fractions import Fraction


def even_size(height: int, width: int) -> tuple[int, int]:
    """Return the size in which a picture is encoded: H.264 in 4:2:0 has even sides only."""
    return height + height % 2, width + width % 2


def padded(height: int, width: int) -> str:
    """Return the words for a size that is encoded as a larger one, "" for any other."""
    high, wide = even_size(height, width)
    if (high, wide) == (height, width):
        return ""
    return (
        f"padded from {width}x{height} to {wide}x{high} by repeating the edge, as H.264 needs even "
        "sides; scale the images first to avoid it"
    )


def as_encoded(rate: Fraction) -> Fraction:
    """Return frames per second as they are encoded: 29.97002997 means 30000/1001."""
    return rate.limit_denominator(1001)


@dataclass(frozen=True)
class Encoding:
    """How H.264 is written.

    crf:    the quality, from 0 (lossless) to 51; None for the encoder's default
    tagged: converted by BT.709 and tagged so, instead of the default BT.601 without tags
    """

    crf: float | None = None
    tagged: bool = False


PLAIN = Encoding()
