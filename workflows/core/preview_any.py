"""Preview Any: shows any value as text."""

import json
from typing import Any

from ...nodes.standin import io, ui
from ...nodes.streaming import Rule


class PreviewAny(io.ComfyNode):
    STREAMING = Rule("sink", ("source",), never=(0,))
    ORDER = 80

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PreviewAny",
            display_name="Preview Any",
            category="utils",
            is_output_node=True,
            inputs=[io.AnyType.Input("source", tooltip="What to show as text.")],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, source: Any = None) -> io.NodeOutput:
        text = _text_of(source)
        return io.NodeOutput(text, ui=ui.PreviewText(text))


def _text_of(source: Any) -> str:
    if source is None or isinstance(source, (str, int, float, bool)):
        return str(source)
    try:
        # With its check for cycles the encoder keeps what it fails at until garbage is collected.
        return json.dumps(source, indent=4, ensure_ascii=False, check_circular=False)
    except (TypeError, ValueError, RecursionError):
        return str(source)
