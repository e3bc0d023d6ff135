"""Trim Text: a text without spaces at its ends."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE


class StringTrim(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringTrim",
            display_name="Trim Text",
            category="text",
            inputs=[
                io.String.Input("string", multiline=True),
                io.Combo.Input("mode", options=("Both", "Left", "Right")),
            ],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, string: str, mode: str) -> io.NodeOutput:
        trim = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}[mode]
        return io.NodeOutput(trim(string))
