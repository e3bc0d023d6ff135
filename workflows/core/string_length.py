"""Text Length: the number of characters."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE


class StringLength(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringLength",
            display_name="Text Length",
            category="text",
            inputs=[io.String.Input("string", multiline=True)],
            outputs=[io.Int.Output(display_name="length")],
        )

    @classmethod
    def execute(cls, string: str) -> io.NodeOutput:
        return io.NodeOutput(len(string))
