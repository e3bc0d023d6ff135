"""Concatenate Text: two texts with something between."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE


class StringConcatenate(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringConcatenate",
            display_name="Concatenate Text",
            category="text",
            inputs=[
                io.String.Input("string_a", multiline=True),
                io.String.Input("string_b", multiline=True),
                io.String.Input("delimiter", default="", multiline=False),
            ],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, string_a: str, string_b: str, delimiter: str) -> io.NodeOutput:
        return io.NodeOutput(delimiter.join((string_a, string_b)))
