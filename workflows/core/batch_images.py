"""Batch Images: images one after the other, in the size of the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule, always
from .scaling import resized

if TYPE_CHECKING:
    from torch import Tensor


class BatchImagesNode(io.ComfyNode):
    STREAMING = Rule("whole", whole=always("puts clips one after the other"))

    @classmethod
    def define_schema(cls) -> io.Schema:
        template = io.Autogrow.TemplatePrefix(io.Image.Input("image"), "image", min=1, max=50)
        return io.Schema(
            node_id="BatchImagesNode",
            display_name="Batch Images",
            category="image/batch",
            inputs=[io.Autogrow.Input("images", template)],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, images: Mapping[str, Tensor]) -> io.NodeOutput:
        import torch
        import torch.nn.functional as F

        channels = max(image.shape[-1] for image in images.values())
        # what has no alpha channel is opaque
        full = [F.pad(i, (0, channels - i.shape[-1]), value=1.0) for i in images.values()]
        height, width = full[0].shape[1:3]
        batch = [
            image
            if image.shape[1:3] == (height, width)
            else resized(image, width, height, "bilinear", "center")
            for image in full
        ]
        return io.NodeOutput(torch.cat(batch))
