"""From frames of any size to what an estimator takes, and its flow back to the frames."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class FlowSize:
    """The size that flow is computed in: frames are scaled, then padded at their edges.

    source: height and width of the frames
    inner:  of the scaled frames; their shape is the source's
    padded: of what the estimator gets, in multiples of its stride
    """

    source: Size
    inner: Size
    padded: Size

    @classmethod
    def fit(cls, source: Size, size: int, *, stride: int, least: int) -> "FlowSize":
        """Frames of `source` with a longer side of `size` px; 0 = as they are.

        Raises `InputError` for a negative size.
        """
        if size < 0:
            raise InputError(f"size: expected at least 0 px, found {size}")
        by = size / max(source) if size else 1.0
        inner = (max(1, round(source[0] * by)), max(1, round(source[1] * by)))
        high, wide = (max(least, -(-side // stride) * stride) for side in inner)
        return cls(source, inner, (high, wide))

    @property
    def _margins(self) -> tuple[int, int, int, int]:
        """Left, right, top, bottom: the frame lies in the middle, as in RAFT's own padder."""
        high, wide = (out - inner for out, inner in zip(self.padded, self.inner, strict=True))
        return wide // 2, wide - wide // 2, high // 2, high - high // 2

    def apply(self, images: Tensor) -> Tensor:
        """[F,3,H,W] -> [F,3,h,w]"""
        if self.inner != self.source:
            images = F.interpolate(images, self.inner, mode="bilinear", antialias=True)
        return F.pad(images, self._margins, mode="replicate") if any(self._margins) else images

    def back(self, flow: Tensor) -> Tensor:
        """Flow [N,2,h,w] in pixels of the padded size -> [N,2,H,W] in pixels of the frames.

        Padding is cut off exactly; where the size differs, vectors are scaled for each axis by
        itself, as the sides of `inner` are rounded.
        """
        left, _, top, _ = self._margins
        flow = flow[:, :, top : top + self.inner[0], left : left + self.inner[1]]
        if self.inner == self.source:
            return flow.contiguous()
        if not len(flow):
            return flow.new_zeros(0, 2, *self.source)
        by = [out / inner for out, inner in zip(self.source, self.inner, strict=True)]
        scaled = F.interpolate(flow, self.source, mode="bilinear")
        return scaled * flow.new_tensor([by[1], by[0]])[:, None, None]  # x, y
