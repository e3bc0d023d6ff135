"""Replace Text: a text with some words replaced."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE
from .texts import check_length


class StringReplace(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringReplace",
            display_name="Replace Text",
            category="text",
            inputs=[
                io.String.Input("string", multiline=True),
                io.String.Input("find", multiline=True),
                io.String.Input("replace", multiline=True),
            ],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, string: str, find: str, replace: str) -> io.NodeOutput:
        check_length(len(string) + string.count(find) * max(0, len(replace) - len(find)))
        return io.NodeOutput(string.replace(find, replace))
