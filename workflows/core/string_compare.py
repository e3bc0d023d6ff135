"""Compare Text: whether a text starts with, ends with or equals another."""

from collections.abc import Callable, Mapping

from ...nodes.standin import io
from ...nodes.streaming import ONCE

_MODES: Mapping[str, Callable[[str, str], bool]] = {
    "Starts With": str.startswith,
    "Ends With": str.endswith,
    "Equal": str.__eq__,
}


class StringCompare(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="StringCompare",
            display_name="Compare Text",
            category="text",
            inputs=[
                io.String.Input("string_a", multiline=True),
                io.String.Input("string_b", multiline=True),
                io.Combo.Input("mode", options=tuple(_MODES)),
                io.Boolean.Input("case_sensitive", default=True),
            ],
            outputs=[io.Boolean.Output()],
        )

    @classmethod
    def execute(
        cls, string_a: str, string_b: str, mode: str, case_sensitive: bool
    ) -> io.NodeOutput:
        if not case_sensitive:
            string_a, string_b = string_a.lower(), string_b.lower()
        return io.NodeOutput(_MODES[mode](string_a, string_b))
