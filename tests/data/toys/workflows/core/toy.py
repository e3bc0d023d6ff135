"""A core node: twice a number."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE


class ToyTwice(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ToyTwice",
            display_name="Twice",
            category="utils",
            inputs=[io.Int.Input("value", default=1)],
            outputs=[io.Int.Output()],
        )

    @classmethod
    def execute(cls, value: int) -> io.NodeOutput:
        return io.NodeOutput(2 * value)
