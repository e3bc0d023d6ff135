"""Substring: a part of a text."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE


class StringSubstring(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringSubstring",
            display_name="Substring",
            category="text",
            inputs=[
                io.String.Input("string", multiline=True),
                io.Int.Input("start"),
                io.Int.Input("end"),
            ],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, string: str, start: int, end: int) -> io.NodeOutput:
        return io.NodeOutput(string[start:end])
