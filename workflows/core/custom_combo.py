"""Custom Combo: a choice among options that the user writes."""

from typing import Any

from ...nodes.standin import io
from ...nodes.streaming import ONCE


class CustomCombo(io.ComfyNode):
    """Gives the choice and its index; the editor sends the options and the index, too."""

    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CustomCombo",
            display_name="Custom Combo",
            category="utilities",
            inputs=[io.Combo.Input("choice")],
            outputs=[
                io.String.Output(display_name="STRING"),
                io.Int.Output(display_name="INDEX"),
            ],
            accept_all_inputs=True,
        )

    @classmethod
    def execute(cls, choice: str, index: int = 0, **options: Any) -> io.NodeOutput:
        return io.NodeOutput(choice, index)
