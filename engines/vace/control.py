"""`VaceControl`: what travels on a KINO_VACE socket."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..checks import check_shape
from ..sequence import state_type
from .placement import ClipPlacement


@state_type()
@dataclass(frozen=True)
class VaceControl:
    """Control video, mask and references in the layout of VACE and Daydream Scope.

    video:      [1,3,F,H,W] float32 in -1..1, 0 neutral
    mask:       [1,1,F,H,W] float32 in 0..1, 1 = generate here, 0 = keep
    references: [1,3,R,H,W] float32 in -1..1, on white; or None
    placement:  how the clip became this, to restore it; None if unknown
    """

    video: Tensor
    mask: Tensor
    references: Tensor | None = None
    placement: ClipPlacement | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.video.shape[3], self.video.shape[4]

    def __post_init__(self) -> None:
        check_shape("VaceControl.video", self.video, (1, 3, "frames", "height", "width"))
        frames, height, width = self.video.shape[2:]
        check_shape("VaceControl.mask", self.mask, (1, 1, frames, height, width))
        if self.references is not None:
            check_shape("VaceControl.references", self.references, (1, 3, "count", height, width))

    @property
    def frame_count(self) -> int:
        """How many frames the control video has."""
        return self.video.shape[2]

    def slice(self, start: int, stop: int) -> "VaceControl":
        """Return the frames from `start` up to but not including `stop`, without copying."""
        return replace(self, video=self.video[:, :, start:stop], mask=self.mask[:, :, start:stop])

    @classmethod
    def cat(cls, chunks: "Sequence[VaceControl]") -> "VaceControl":
        """Return successive chunks as one, with references and placement of the first chunk."""
        video = torch.cat([chunk.video for chunk in chunks], 2)
        mask = torch.cat([chunk.mask for chunk in chunks], 2)
        return replace(chunks[0], video=video, mask=mask)

    def to(self, device: torch.device | str) -> "VaceControl":
        """Return the same control on `device`."""
        references = None if self.references is None else self.references.to(device)
        return replace(
            self, video=self.video.to(device), mask=self.mask.to(device), references=references
        )
