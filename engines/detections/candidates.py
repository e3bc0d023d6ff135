"""What networks that see whole frames propose, before thresholds and suppression."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch
from torch import Tensor

from ..geometry.boxes import clipped, corners, from_corners
from ..geometry.placement import Placement

Some = TypeVar("Some", bound="Candidates")


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Proposals for F frames, N places per frame. Every field is a tensor [F,N,...].

    boxes:  [F,N,4] x0, y0, x1, y1 in pixels, of the network's input or of the frame
    scores: [F,N] 0..1; 0 = the place is empty
    """

    boxes: Tensor
    scores: Tensor

    def from_letterbox(self: Some, letterbox: Placement) -> Some:
        """Return the candidates, given in pixels of the input, in pixels of the frames."""
        return replace(self, boxes=from_corners(letterbox.back(corners(self.boxes))))

    def suppressed(self: Some, *, above: float, overlap: float) -> Some:
        """Return the candidates after non-maximum suppression.

        Those that overlap a surer one by an IoU of more than `overlap`, and those whose score is
        at most `above`, get the score 0. All frames are done at once, on the tensors' device.
        """
        from torchvision.ops import nms  # imports PyTorch's compiler, too: seconds

        frame, place = (self.scores > above).nonzero(as_tuple=True)
        boxes = self.boxes[frame, place].float()
        # Frames are moved apart, so that only boxes of the same frame overlap.
        apart = frame * (boxes.amax() - boxes.amin() + 1 if boxes.numel() else 1)
        kept = nms(boxes + apart[:, None], self.scores[frame, place].float(), overlap)
        left = torch.zeros_like(self.scores)
        left[frame[kept], place[kept]] = self.scores[frame[kept], place[kept]]
        return replace(self, scores=left)

    def best(self: Some, most: int, *, above: float) -> tuple[Some, Tensor]:
        """Return the `most` best of each frame, surest first, and how many there are, [F] int64.

        Places without a candidate whose score exceeds `above` are zero.
        """
        ranked, order = self.scores.sort(dim=1, descending=True, stable=True)
        order = order[:, :most]
        keep = ranked[:, :most] > above  # [F,N], the true ones first
        frame = torch.arange(len(order), device=order.device)[:, None]

        def placed(values: Tensor) -> Tensor:  # [F,N,...] -> [F,most,...]
            values = values[frame, order]
            kept = keep.view(*keep.shape, *[1] * (values.ndim - 2))
            values = torch.where(kept, values, 0)  # the other places may hold NaN
            more = values.new_zeros(len(values), most - values.shape[1], *values.shape[2:])
            return torch.cat([values, more], 1)

        return self._each(placed), keep.sum(1)

    def within(self: Some, canvas: tuple[int, int]) -> Some:
        """Return the candidates with their boxes cut at the edges of a canvas (height, width)."""
        return replace(self, boxes=clipped(self.boxes, canvas))

    def on_cpu(self: Some) -> Some:
        """Return the candidates on the CPU."""
        return self._each(lambda values: values.cpu())

    def differences(self, mine: Tensor, other: "Candidates", theirs: Tensor) -> list[Tensor]:
        """Return what tells candidates from their counterparts, besides box and score.

        mine, theirs: [M,2] frame and place of each, and of its counterpart in `other`

        Each tensor [M] is relative, comparable with a tolerance of `parity`.
        """
        return []

    def _each(self: Some, change: Callable[[Tensor], Tensor]) -> Some:
        return replace(self, **{f.name: change(getattr(self, f.name)) for f in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Boxes(Candidates):
    """Proposals of a detector.

    classes: [F,N] int64, see `Detections`
    """

    classes: Tensor
