"""Threshold Mask: masks of zeros and ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule

if TYPE_CHECKING:
    from torch import Tensor


class ThresholdMask(io.ComfyNode):
    STREAMING = Rule("frames", ("mask",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ThresholdMask",
            display_name="Threshold Mask",
            category="image/mask",
            inputs=[
                io.Mask.Input("mask", tooltip="The masks to divide."),
                io.Float.Input("value", default=0.5, min=0.0, max=1.0, step=0.01),
            ],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(cls, mask: Tensor, value: float) -> io.NodeOutput:
        return io.NodeOutput((mask > value).float())
