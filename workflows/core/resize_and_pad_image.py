"""Resize And Pad Image: fits images into a size, with borders where they have another shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import LARGEST, check_room, resized

if TYPE_CHECKING:
    from torch import Tensor


class ResizeAndPadImage(io.ComfyNode):
    STREAMING = Rule("frames", ("image",))

    _METHODS = ("area", "bicubic", "nearest-exact", "bilinear", "lanczos")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ResizeAndPadImage",
            display_name="Resize And Pad Image",
            category="image/transform",
            inputs=[
                io.Image.Input("image", tooltip="The images to fit."),
                io.Int.Input("target_width", default=512, min=1, max=LARGEST, step=1),
                io.Int.Input("target_height", default=512, min=1, max=LARGEST, step=1),
                io.Combo.Input("padding_color", options=("white", "black")),
                io.Combo.Input("interpolation", options=cls._METHODS),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        target_width: int,
        target_height: int,
        padding_color: str,
        interpolation: str,
    ) -> io.NodeOutput:
        import torch

        frames, tall, wide, channels = image.shape
        check_room(frames, target_height, target_width, channels)
        factor = min(target_width / wide, target_height / tall)
        width, height = int(wide * factor), int(tall * factor)
        left, top = (target_width - width) // 2, (target_height - height) // 2
        colour = float(padding_color == "white")
        padded = torch.full(
            (frames, target_height, target_width, channels), colour, dtype=image.dtype
        )
        inner = padded[:, top : top + height, left : left + width]
        inner.copy_(resized(image, width, height, interpolation))
        return io.NodeOutput(padded)
