"""Save Text: a text as a file."""

import json

from ...engines.files import atomic_write
from ...nodes.standin import host, io, ui
from ...nodes.streaming import ONCE


class SaveText(io.ComfyNode):
    """Writes a text as a file; JSON is indented."""

    STREAMING = ONCE

    _FORMATS = ("txt", "csv", "md", "json")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveText",
            display_name="Save Text",
            category="text",
            is_output_node=True,
            inputs=[
                io.String.Input("text", forceInput=True, tooltip="The text to save."),
                io.String.Input("filename_prefix", default="ComfyUI"),
                io.Combo.Input("format", options=cls._FORMATS, default="txt"),
            ],
            outputs=[io.String.Output(display_name="text")],
        )

    @classmethod
    def execute(cls, text: str, filename_prefix: str, format: str) -> io.NodeOutput:
        written = text
        if format == "json":
            try:
                written = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
            except (ValueError, RecursionError) as error:
                host.warn(f"the text is not JSON and is saved as it is: {str(error)[:100]}")
        path = host.save_path(filename_prefix, f".{format}")
        with atomic_write(path) as aside:
            # lone surrogates cannot be encoded in UTF-8
            aside.write_bytes(written.encode("utf-8", "replace"))
        return io.NodeOutput(text, ui=ui.PreviewText(str(path)))
