"""Image Composite Masked: puts one image onto another, where a mask is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import LARGEST, repeated

if TYPE_CHECKING:
    from torch import Tensor


class ImageCompositeMasked(io.ComfyNode):
    STREAMING = Rule("frames", ("destination", "source", "mask"), one=("source", "mask"))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageCompositeMasked",
            display_name="Image Composite Masked",
            category="image/compositing",
            inputs=[
                io.Image.Input("destination", tooltip="The images below."),
                io.Image.Input("source", tooltip="The images to put onto them."),
                io.Int.Input("x", default=0, min=0, max=LARGEST, step=1),
                io.Int.Input("y", default=0, min=0, max=LARGEST, step=1),
                io.Boolean.Input("resize_source", default=False),
                io.Mask.Input("mask", optional=True, tooltip="Where the source is seen."),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls,
        destination: Tensor,
        source: Tensor,
        x: int,
        y: int,
        resize_source: bool,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        import torch
        import torch.nn.functional as F

        frames, tall, wide, channels = destination.shape
        source = F.pad(source, (0, max(0, channels - source.shape[-1])), value=1.0)[..., :channels]
        if resize_source:
            scaled = F.interpolate(source.movedim(-1, 1), size=(tall, wide), mode="bilinear")
            source = scaled.movedim(1, -1)
        source = repeated(source, frames)
        height, width = source.shape[1:3]
        if mask is None:
            cover = torch.ones_like(source[..., :1])
        else:
            planes = mask.reshape(-1, 1, *mask.shape[-2:])
            planes = F.interpolate(planes, size=(height, width), mode="bilinear")
            cover = repeated(planes, frames).movedim(1, -1)
        height, width = max(0, min(height, tall - y)), max(0, min(width, wide - x))
        cover = cover[:, :height, :width]
        composed = destination.clone()
        below = composed[:, y : y + height, x : x + width]
        below.copy_(cover * source[:, :height, :width] + (1 - cover) * below)
        return io.NodeOutput(composed)
