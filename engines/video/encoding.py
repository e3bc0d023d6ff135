"""How H.264 is written, and what it cannot hold."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..errors import MediaError


def checked_size(path: Path, height: int, width: int) -> None:
    """Raise `MediaError` for sides that H.264 in 4:2:0 cannot hold."""
    if height % 2 or width % 2:
        raise MediaError(
            f"{path}: H.264 needs even sides, found {width}x{height}; "
            f"scale the images to {width + width % 2}x{height + height % 2} first"
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
