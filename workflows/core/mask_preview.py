"""Preview Mask: says what it would show, and passes the masks on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.words import counted
from ...nodes.standin import io, ui
from ...nodes.streaming import Rule

if TYPE_CHECKING:
    from torch import Tensor


class MaskPreview(io.ComfyNode):
    """Says what it would show: headless there is no screen."""

    STREAMING = Rule("sink", ("mask",), passes="mask")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskPreview",
            display_name="Preview Mask",
            category="image/mask",
            is_output_node=True,
            inputs=[io.Mask.Input("mask", tooltip="The masks to show.")],
            outputs=[io.Mask.Output(display_name="mask")],
        )

    @classmethod
    def execute(cls, mask: Tensor) -> io.NodeOutput:
        height, width = mask.shape[-2:]
        count = mask.numel() // (height * width)
        said = f"{counted(count, 'image')} of {width}x{height}"
        return io.NodeOutput(mask, ui=ui.PreviewText(said))
