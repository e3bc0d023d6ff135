"""Convert Image to Mask: one channel of images as masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.errors import InputError
from ...nodes.standin import io
from ...nodes.streaming import Rule

if TYPE_CHECKING:
    from torch import Tensor

_CHANNELS = ("red", "green", "blue", "alpha")


class ImageToMask(io.ComfyNode):
    STREAMING = Rule("frames", ("image",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageToMask",
            display_name="Convert Image to Mask",
            category="image/mask",
            inputs=[
                io.Image.Input("image", tooltip="The images to take a channel of."),
                io.Combo.Input("channel", options=_CHANNELS),
            ],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor, channel: str) -> io.NodeOutput:
        number = _CHANNELS.index(channel)
        if number >= image.shape[-1]:
            raise InputError(
                f"channel: expected one that the images have, found {channel!r}; they have "
                f"{image.shape[-1]} channels"
            )
        return io.NodeOutput(image[..., number])
