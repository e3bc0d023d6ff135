"""Join Image with Alpha: images with a mask as their transparency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import repeated

if TYPE_CHECKING:
    from torch import Tensor


class JoinImageWithAlpha(io.ComfyNode):
    STREAMING = Rule("frames", ("image", "alpha"), one=("image", "alpha"))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="JoinImageWithAlpha",
            display_name="Join Image with Alpha",
            category="image/compositing",
            inputs=[
                io.Image.Input("image", tooltip="The colours."),
                io.Mask.Input("alpha", tooltip="The transparency."),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor, alpha: Tensor) -> io.NodeOutput:
        import torch
        import torch.nn.functional as F

        planes = alpha.reshape(-1, 1, *alpha.shape[-2:])
        planes = F.interpolate(planes, size=image.shape[1:3], mode="bilinear")
        frames = max(len(image), len(planes))
        opaque = repeated((1.0 - planes).movedim(1, -1), frames)
        return io.NodeOutput(torch.cat([repeated(image, frames)[..., :3], opaque], dim=-1))
