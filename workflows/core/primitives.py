"""The primitives: nodes that give a value that is typed in."""

import sys
from typing import Any

from ...nodes.standin import io
from ...nodes.streaming import Rule


def _primitive(node_id: str, name: str, order: int, kind: Any, **widget: Any) -> type[io.ComfyNode]:
    class Primitive(io.ComfyNode):
        STREAMING = Rule("once", constant=True)
        ORDER = order

        @classmethod
        def define_schema(cls) -> io.Schema:
            return io.Schema(
                node_id=node_id,
                display_name=name,
                category="utils/primitive",
                inputs=[kind.Input("value", **widget)],
                outputs=[kind.Output()],
            )

        @classmethod
        def execute(cls, value: Any) -> io.NodeOutput:
            return io.NodeOutput(value)

    Primitive.__name__ = Primitive.__qualname__ = node_id
    return Primitive


PrimitiveString = _primitive("PrimitiveString", "String", 100, io.String)
PrimitiveStringMultiline = _primitive(
    "PrimitiveStringMultiline", "String (Multiline)", 110, io.String, multiline=True
)
PrimitiveInt = _primitive("PrimitiveInt", "Int", 120, io.Int, min=-sys.maxsize, max=sys.maxsize)
PrimitiveFloat = _primitive(
    "PrimitiveFloat", "Float", 130, io.Float, min=-sys.maxsize, max=sys.maxsize
)
PrimitiveBoolean = _primitive("PrimitiveBoolean", "Boolean", 140, io.Boolean)
