"""Compare Images: says what it would show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ...nodes.standin import io, ui
from ...nodes.streaming import Rule

if TYPE_CHECKING:
    from torch import Tensor


class ImageCompare(io.ComfyNode):
    """Says what it would show: headless there is no screen."""

    STREAMING = Rule("sink", ("image_a", "image_b"), one=("image_a", "image_b"), shows="image_a")

    @classmethod
    def define_schema(cls) -> io.Schema:
        view = io.Custom("IMAGECOMPARE").Input("compare_view", optional=True)
        return io.Schema(
            node_id="ImageCompare",
            display_name="Compare Images",
            category="image",
            is_output_node=True,
            inputs=[
                io.Image.Input("image_a", optional=True, tooltip="The images on the left."),
                io.Image.Input("image_b", optional=True, tooltip="The images on the right."),
                view,
            ],
        )

    @classmethod
    def execute(
        cls,
        image_a: Tensor | None = None,
        image_b: Tensor | None = None,
        compare_view: Any = None,
    ) -> io.NodeOutput:
        said = [
            f"{counted(len(images), 'image')} of {images.shape[2]}x{images.shape[1]}"
            for images in (image_a, image_b)
            if images is not None
        ]
        return io.NodeOutput(ui=ui.PreviewText(" beside ".join(said) or "no images"))
