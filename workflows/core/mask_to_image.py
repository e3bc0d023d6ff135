"""Convert Mask to Image: masks as grey images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule

if TYPE_CHECKING:
    from torch import Tensor


class MaskToImage(io.ComfyNode):
    STREAMING = Rule("frames", ("mask",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskToImage",
            display_name="Convert Mask to Image",
            category="image/mask",
            inputs=[io.Mask.Input("mask", tooltip="The masks to show.")],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, mask: Tensor) -> io.NodeOutput:
        grey = mask.reshape(-1, *mask.shape[-2:], 1)
        return io.NodeOutput(grey.expand(-1, -1, -1, 3))
