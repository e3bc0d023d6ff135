"""`Detections`: boxes that were found in frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from ..padded import Padded


@dataclass(frozen=True)
class Detections(Padded):
    """Boxes in F frames, P places per frame, padded with a count.

    boxes:   [F,P,4] x0, y0, x1, y1 in pixels of the canvas; (0, 0) is its top left corner
    scores:  [F,P] 0..1, descending along P
    classes: [F,P] int64, the detector's number of what the box holds; 0 = a person
    count:   [F] int64, how many places of the frame hold a box; the others are zero
    canvas:  height and width in pixels of the frames that the coordinates refer to

    Raises `InputError` if shapes, devices or dtypes do not fit together.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    count: Tensor
    canvas: tuple[int, int]

    def __post_init__(self) -> None:
        check_shape("Detections.boxes", self.boxes, ("frames", "places", 4))
        self._check_together("boxes")

    @classmethod
    def empty(
        cls,
        frames: int,
        canvas: tuple[int, int],
        *,
        places: int = 1,
        device: torch.device | str = "cpu",
    ) -> "Detections":
        """Return `frames` frames without any box."""
        return cls(
            boxes=torch.zeros(frames, places, 4, device=device),
            scores=torch.zeros(frames, places, device=device),
            classes=torch.zeros(frames, places, dtype=torch.int64, device=device),
            count=torch.zeros(frames, dtype=torch.int64, device=device),
            canvas=canvas,
        )

    @classmethod
    def cat(cls, chunks: "Sequence[Detections]") -> "Detections":
        """Return successive chunks as one, with as many places per frame as the widest has.

        Raises `InputError` for chunks that differ in canvas.
        """
        first = chunks[0]
        if len(chunks) == 1:
            return first
        if any(chunk.canvas != first.canvas for chunk in chunks):
            raise InputError("Detections.cat: the chunks differ in canvas")
        return first._joined(chunks)
