"""A node, with what it does in chunks: the negative of a picture."""

from torch import Tensor

from ..api import io
from ..streaming import Rule
from . import CATEGORY


class ToyNegative(io.ComfyNode):
    STREAMING = Rule("frames", ("image",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ToyNegative",
            display_name="Negative",
            category=CATEGORY,
            inputs=[io.Image.Input("image")],
            outputs=[io.Image.Output(display_name="image")],
        )

    @classmethod
    def execute(cls, image: Tensor) -> io.NodeOutput:
        return io.NodeOutput(1 - image)
