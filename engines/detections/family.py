"""What a family of detectors is, and the part that it shares with one-stage pose networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..models.family import Family
from .candidates import Boxes, Candidates


@dataclass(frozen=True, kw_only=True)
class WholeFrame:
    """How a network that sees whole, letterboxed frames is fed and read.

    decode:     outputs, number of frames, least score -> candidates in pixels of the input. Those
                below the least score may be left out
    most:       how many people one pass can find in a frame
    fill:       grey that frames are padded with, 0..1
    overlap:    candidates that overlap by a larger IoU are one; 1 = the network suppresses them
    """

    decode: Callable[[Mapping[str, Tensor], int, float], Candidates]
    most: int
    fill: float = 0.0
    overlap: float = 1.0


@dataclass(frozen=True, kw_only=True)
class BoxHead(WholeFrame):
    """The head of a network that finds boxes."""

    decode: Callable[[Mapping[str, Tensor], int, float], Boxes]


@dataclass(frozen=True, kw_only=True)
class DetectionFamily(Family):
    """A family of networks that find boxes of people, which pose nodes load and run.

    head: how its networks are fed and read
    """

    task: str = "pose"
    head: BoxHead
