"""Upscale Image: scales images, as ComfyUI does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import CROPS, LARGEST, METHODS, resized

if TYPE_CHECKING:
    from torch import Tensor


class ImageScale(io.ComfyNode):
    STREAMING = Rule("frames", ("image",))
    ORDER = 90

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageScale",
            display_name="Upscale Image",
            category="image/upscaling",
            inputs=[
                io.Image.Input("image", tooltip="The images to scale."),
                io.Combo.Input("upscale_method", options=METHODS),
                io.Int.Input("width", default=512, min=0, max=LARGEST, step=1),
                io.Int.Input("height", default=512, min=0, max=LARGEST, step=1),
                io.Combo.Input("crop", options=CROPS),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls, image: Tensor, upscale_method: str, width: int, height: int, crop: str
    ) -> io.NodeOutput:
        tall, wide = image.shape[1:3]
        if not width and not height:
            return io.NodeOutput(image)
        width = width or max(1, round(wide * height / tall))
        height = height or max(1, round(tall * width / wide))
        return io.NodeOutput(resized(image, width, height, upscale_method, crop))
