"""`Clip`: frames in memory with their rate and sound."""

from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

from ..checks import check_shape


@dataclass(frozen=True)
class Audio:
    """waveform: [1,channels,samples] float32 in -1..1; rate: samples per second."""

    waveform: Tensor
    rate: int

    def __post_init__(self) -> None:
        check_shape("Audio.waveform", self.waveform, (1, "channels", "samples"))


@dataclass(frozen=True)
class Clip:
    """Frames in memory.

    frames: [F,H,W,3] float32 in 0..1
    rate:   frames per second, exact
    alpha:  [F,H,W] float32 in 0..1, 1 is opaque; None if there is none or nobody asked for it
    """

    frames: Tensor
    rate: Fraction
    audio: Audio | None = None
    alpha: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.frames.shape[1], self.frames.shape[2]

    def __post_init__(self) -> None:
        check_shape("Clip.frames", self.frames, ("frames", "height", "width", 3))
