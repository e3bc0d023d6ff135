"""Scale Image to Total Pixels: scales images to a number of pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import METHODS, resized

if TYPE_CHECKING:
    from torch import Tensor


class ImageScaleToTotalPixels(io.ComfyNode):
    STREAMING = Rule("frames", ("image",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageScaleToTotalPixels",
            display_name="Scale Image to Total Pixels",
            category="image/upscaling",
            inputs=[
                io.Image.Input("image", tooltip="The images to scale."),
                io.Combo.Input("upscale_method", options=METHODS),
                io.Float.Input("megapixels", default=1.0, min=0.01, max=16.0, step=0.01),
                # 0.33 requires it, older graphs do not have it
                io.Int.Input("resolution_steps", default=1, min=1, max=256, optional=True),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls, image: Tensor, upscale_method: str, megapixels: float, resolution_steps: int = 1
    ) -> io.NodeOutput:
        tall, wide = image.shape[1:3]
        factor = math.sqrt(megapixels * 1024 * 1024 / (wide * tall))
        width = round(wide * factor / resolution_steps) * resolution_steps
        height = round(tall * factor / resolution_steps) * resolution_steps
        return io.NodeOutput(resized(image, width, height, upscale_method))
