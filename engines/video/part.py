"""`VideoPart`: some frames of a VIDEO that is being made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from ..sequence import state_type


@state_type()
@dataclass(frozen=True)
class VideoPart:
    """A chunk of a video, with the sound of the whole.

    frames: [F,H,W,3] 0..1
    rate:   frames per second, exact
    audio:  ComfyUI's AUDIO, a `FileSound`, or None
    """

    frames: Tensor
    rate: Fraction
    audio: Any = None

    @property
    def frame_count(self) -> int:
        """How many frames there are."""
        return self.frames.shape[0]

    def slice(self, start: int, stop: int) -> "VideoPart":
        """Return the frames from `start` up to but not including `stop`, without copying."""
        return replace(self, frames=self.frames[start:stop])

    @classmethod
    def cat(cls, chunks: "Sequence[VideoPart]") -> "VideoPart":
        """Return successive chunks as one, with rate and sound of the first chunk."""
        return replace(chunks[0], frames=torch.cat([chunk.frames for chunk in chunks]))

    def to(self, device: torch.device | str) -> "VideoPart":
        """Return the same part with its frames on `device`."""
        return replace(self, frames=self.frames.to(device))
