"""Convert Number: a number, a text or a switch as FLOAT and INT."""

from ...engines.errors import InputError
from ...nodes.standin import io
from ...nodes.streaming import ONCE
from ..graph.decoding import short


class NumberConvert(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ComfyNumberConvert",
            display_name="Convert Number",
            category="utilities",
            inputs=[io.MultiType.Input("value", [io.Int, io.Float, io.String, io.Boolean])],
            outputs=[
                io.Float.Output("FLOAT", display_name="FLOAT"),
                io.Int.Output("INT", display_name="INT"),
            ],
        )

    @classmethod
    def execute(cls, value: float | str) -> io.NodeOutput:
        try:
            number = float(value)
            whole = int(value) if _is_whole(value) else int(number)
        except (TypeError, ValueError, OverflowError) as error:  # infinite, or not a number, too
            raise InputError(
                f"value: expected a finite number such as 5 or 0.5, found {short(value)}"
            ) from error
        return io.NodeOutput(number, whole)


def _is_whole(value: float | str) -> bool:
    """Return whether `int` takes a value without a loss: large integers are not floats."""
    return isinstance(value, int) or (isinstance(value, str) and value.strip("+- ").isdecimal())
