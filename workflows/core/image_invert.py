"""Invert Image Colors: the negative."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule

if TYPE_CHECKING:
    from torch import Tensor


class ImageInvert(io.ComfyNode):
    STREAMING = Rule("frames", ("image",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageInvert",
            display_name="Invert Image Colors",
            category="image/color",
            inputs=[io.Image.Input("image", tooltip="The images to invert.")],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor) -> io.NodeOutput:
        return io.NodeOutput(1.0 - image)
