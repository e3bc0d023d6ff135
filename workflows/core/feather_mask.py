"""Feather Mask: masks that fade towards their edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import LARGEST

if TYPE_CHECKING:
    from torch import Tensor


class FeatherMask(io.ComfyNode):
    STREAMING = Rule("frames", ("mask",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        sides = ("left", "top", "right", "bottom")
        return io.Schema(
            node_id="FeatherMask",
            display_name="Feather Mask",
            category="image/mask",
            inputs=[
                io.Mask.Input("mask", tooltip="The masks to fade."),
                *(io.Int.Input(side, default=0, min=0, max=LARGEST, step=1) for side in sides),
            ],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(cls, mask: Tensor, left: int, top: int, right: int, bottom: int) -> io.NodeOutput:
        import torch

        planes = mask.reshape(-1, *mask.shape[-2:])

        def ramp(size: int, first: int, last: int) -> Tensor:
            """Return [size]: rising from 1/first to 1, and falling from 1 to 1/last."""
            places = torch.arange(1, size + 1, device=mask.device, dtype=mask.dtype)
            rising = places / max(1, min(first, size))
            falling = places.flip(0) / max(1, min(last, size))
            return rising.clamp(max=1) * falling.clamp(max=1)

        height, width = planes.shape[1:]
        across = ramp(width, left, right)
        return io.NodeOutput(planes * across * ramp(height, top, bottom)[:, None])
