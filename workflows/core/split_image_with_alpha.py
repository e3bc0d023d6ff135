"""Split Image with Alpha: colours, and transparency as a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule

if TYPE_CHECKING:
    from torch import Tensor


class SplitImageWithAlpha(io.ComfyNode):
    STREAMING = Rule("frames", ("image",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SplitImageWithAlpha",
            display_name="Split Image with Alpha",
            category="image/compositing",
            inputs=[io.Image.Input("image", tooltip="Images that may have an alpha channel.")],
            outputs=[io.Image.Output(), io.Mask.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor) -> io.NodeOutput:
        import torch

        has_alpha = image.shape[-1] > 3
        alpha = image[..., 3] if has_alpha else torch.ones_like(image[..., 0])
        return io.NodeOutput(image[..., :3], 1.0 - alpha)
