"""Proposals of networks that see whole frames, before thresholds and suppression."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch
from torch import Tensor

from ..geometry.boxes import areas, clipped, corners, from_corners, intersections
from ..geometry.placement import Placement
from ..geometry.views import View, turned_boxes_back

Some = TypeVar("Some", bound="Candidates")

TURNED_COUNTS = 0.75  # weight of a candidate found in a turned view, as most people are upright
_SAME = 0.5  # IoU above which candidates of two views are the same person
_PART = 0.6  # part of a cut-off box inside another above which both show the same person
_CUT = 0.5  # how much less a candidate counts if its view cuts it off
_MOST = 64  # candidates per view that are compared with those of others


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Proposals for F frames, N places per frame. Every field is a tensor [F,N,...].

    boxes:  [F,N,4] x0, y0, x1, y1 in pixels, of the network's input or of the frame
    scores: [F,N] 0..1; 0 = the place is empty
    turns:  [F,N] int64 quarter turns of the view in which each was found; None: all upright
    """

    boxes: Tensor
    scores: Tensor
    turns: Tensor | None = None

    def from_letterbox(self: Some, letterbox: Placement) -> Some:
        """Return the candidates, given in pixels of the input, in pixels of the frames."""
        return replace(self, boxes=from_corners(letterbox.back(corners(self.boxes))))

    def from_view(self: Some, view: View) -> Some:
        """Return the candidates, given in pixels of a view, in pixels of the frames."""
        turns = torch.full_like(self.scores, view.turns, dtype=torch.int64)
        return replace(self, boxes=turned_boxes_back(self.boxes, view), turns=turns)

    def rows(self: Some, start: int, stop: int) -> Some:
        """Return the candidates of the frames from `start` up to, but not including, `stop`."""
        return self._each(lambda values: values[start:stop])

    def suppressed(self: Some, *, above: float, overlap: float) -> Some:
        """Return the candidates after non-maximum suppression.

        Those that overlap a more confident one with an IoU above `overlap`, and those whose score
        is at most `above`, get the score 0. All frames are done at once, on the tensors' device.
        """
        from torchvision.ops import nms  # slow: it imports PyTorch's compiler

        frame, place = (self.scores > above).nonzero(as_tuple=True)
        # Frames are moved apart, so that only boxes of the same frame overlap; in double precision
        # where there is one (not on Apple's GPUs), as there may be thousands.
        precise = torch.float32 if self.boxes.device.type == "mps" else torch.float64
        boxes = self.boxes[frame, place].to(precise)
        apart = frame * (boxes.amax() - boxes.amin() + 1 if boxes.numel() else 1)
        kept = nms(boxes + apart[:, None], self.scores[frame, place].to(precise), overlap)
        left = torch.zeros_like(self.scores)
        left[frame[kept], place[kept]] = self.scores[frame[kept], place[kept]]
        return replace(self, scores=left)

    def best(self: Some, most: int, *, above: float) -> tuple[Some, Tensor]:
        """Return the `most` best of each frame, most confident first, and their number, [F] int64.

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
        """Return how candidates differ from their counterparts, besides box and score.

        mine, theirs: [M,2] frame and place of each, and of its counterpart in `other`

        Each tensor [M] is relative, comparable with a tolerance of `parity`.
        """
        return []

    def _each(self: Some, change: Callable[[Tensor], Tensor]) -> Some:
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{n: change(v) for n, v in held.items() if v is not None})


@dataclass(frozen=True, kw_only=True)
class Boxes(Candidates):
    """Proposals of a detector.

    classes: [F,N] int64, see `Detections`
    """

    classes: Tensor


def merged(found: Sequence[Some], views: Sequence[View], *, above: float) -> Some:
    """Return the candidates of several views of the same frames, each person once.

    found: the candidates of each view, in pixels of the frames
    above: candidates with at most this score are left out

    Of candidates in the same place the most confident stays. One that reaches an edge of its view
    may show only part of a person and counts less, as does one found in a turned view.
    """
    if len(found) == 1:
        return found[0]
    best = [some.best(min(_MOST, some.scores.shape[1]), above=above)[0] for some in found]
    cut = torch.cat([v.cuts_off(some.boxes) for v, some in zip(views, best, strict=True)], 1)
    view = torch.cat([torch.full_like(s.scores[:1], i) for i, s in enumerate(best)], 1)[0]  # [N]
    held = {f.name: [getattr(some, f.name) for some in best] for f in fields(best[0])}
    every = replace(best[0], **{n: torch.cat(v, 1) for n, v in held.items() if v[0] is not None})
    boxes, scores = every.boxes.float(), every.scores
    rank = torch.where(cut, _CUT * scores, scores)
    if every.turns is not None:
        rank = torch.where(every.turns > 0, TURNED_COUNTS * rank, rank)
    both = intersections(boxes[:, :, None], boxes[:, None])  # [F,N,N]
    area = areas(boxes)
    union = (area[:, :, None] + area[:, None] - both).clamp(min=1e-6)
    same = (both > _SAME * union) | (cut[:, :, None] & (both > _PART * area[:, :, None]))
    surer = rank[:, None] > rank[:, :, None]
    surer |= (rank[:, None] == rank[:, :, None]) & (view < view[:, None])
    beaten = same & surer & (view[:, None] != view) & (scores[:, None] > above)
    return replace(every, scores=torch.where(beaten.any(2), 0.0, scores))
