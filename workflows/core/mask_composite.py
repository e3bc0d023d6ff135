"""Combine Masks: a mask put onto another, by arithmetic or logic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.errors import InputError
from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import LARGEST

if TYPE_CHECKING:
    from torch import Tensor


class MaskComposite(io.ComfyNode):
    STREAMING = Rule("frames", ("destination", "source"), one=("source",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        operations = ["multiply", "add", "subtract", "and", "or", "xor"]
        return io.Schema(
            node_id="MaskComposite",
            display_name="Combine Masks",
            category="image/mask",
            inputs=[
                io.Mask.Input("destination", tooltip="The masks below."),
                io.Mask.Input("source", tooltip="The masks to put onto them."),
                io.Int.Input("x", default=0, min=0, max=LARGEST, step=1),
                io.Int.Input("y", default=0, min=0, max=LARGEST, step=1),
                io.Combo.Input("operation", options=operations),
            ],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(
        cls, destination: Tensor, source: Tensor, x: int, y: int, operation: str
    ) -> io.NodeOutput:
        combined = destination.reshape(-1, *destination.shape[-2:]).clone()
        planes = source.reshape(-1, *source.shape[-2:])
        frames, tall, wide = combined.shape
        height, width = max(0, min(planes.shape[1], tall - y)), min(planes.shape[2], wide - x)
        above = planes[:, :height, : max(0, width)]
        if len(above) not in (1, frames):
            raise InputError(
                f"source: expected one mask, or {frames} as in destination, found {len(above)}"
            )
        below = combined[:, y : y + above.shape[1], x : x + above.shape[2]]
        if operation == "multiply":
            below.mul_(above)
        elif operation == "add":
            below.add_(above)
        elif operation == "subtract":
            below.sub_(above)
        else:
            first, second = below.round().bool(), above.round().bool()
            made = {"and": first & second, "or": first | second, "xor": first ^ second}
            below.copy_(made[operation])
        return io.NodeOutput(combined.clamp_(0, 1))
