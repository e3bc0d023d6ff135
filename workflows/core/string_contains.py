"""Contains Text: whether a text has another in it."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE


class StringContains(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringContains",
            display_name="Contains Text",
            category="text",
            inputs=[
                io.String.Input("string", multiline=True),
                io.String.Input("substring", multiline=True),
                io.Boolean.Input("case_sensitive", default=True),
            ],
            outputs=[io.Boolean.Output(display_name="contains")],
        )

    @classmethod
    def execute(cls, string: str, substring: str, case_sensitive: bool) -> io.NodeOutput:
        if not case_sensitive:
            string, substring = string.lower(), substring.lower()
        return io.NodeOutput(substring in string)
