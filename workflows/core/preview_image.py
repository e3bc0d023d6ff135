"""Preview Image: says what it would show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.words import counted
from ...nodes.standin import io, ui
from ...nodes.streaming import Rule

if TYPE_CHECKING:
    from torch import Tensor


class PreviewImage(io.ComfyNode):
    """Says what it would show: headless there is no screen."""

    STREAMING = Rule("sink", ("images",), passes="images", shows="images")
    ORDER = 70

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PreviewImage",
            display_name="Preview Image",
            category="image",
            is_output_node=True,
            inputs=[io.Image.Input("images", tooltip="The images to show.")],
            outputs=[io.Image.Output(display_name="images")],
        )

    @classmethod
    def execute(cls, images: Tensor) -> io.NodeOutput:
        frames, height, width = images.shape[:3]
        said = f"{counted(frames, 'image')} of {width}x{height}"
        return io.NodeOutput(images, ui=ui.PreviewText(said))
