"""Scale Image to Max Dimension: scales images to a longest side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import LARGEST, longest_as, resized

if TYPE_CHECKING:
    from torch import Tensor


class ImageScaleToMaxDimension(io.ComfyNode):
    STREAMING = Rule("frames", ("image",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageScaleToMaxDimension",
            display_name="Scale Image to Max Dimension",
            category="image/upscaling",
            inputs=[
                io.Image.Input("image", tooltip="The images to scale."),
                io.Combo.Input(
                    "upscale_method",
                    options=("area", "lanczos", "bilinear", "nearest-exact", "bicubic"),
                ),
                io.Int.Input("largest_size", default=512, min=0, max=LARGEST, step=1),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor, upscale_method: str, largest_size: int) -> io.NodeOutput:
        height, width = longest_as((image.shape[1], image.shape[2]), largest_size)
        return io.NodeOutput(resized(image, width, height, upscale_method))
