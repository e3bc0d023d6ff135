"""Grow Mask: masks grown or shrunk by some pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import LARGEST

if TYPE_CHECKING:
    from torch import Tensor


class GrowMask(io.ComfyNode):
    STREAMING = Rule("frames", ("mask",))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="GrowMask",
            display_name="Grow Mask",
            category="image/mask",
            inputs=[
                io.Mask.Input("mask", tooltip="The masks to grow."),
                io.Int.Input("expand", default=0, min=-LARGEST, max=LARGEST, step=1),
                io.Boolean.Input("tapered_corners", default=True),
            ],
            outputs=[io.Mask.Output()],
        )

    @classmethod
    def execute(cls, mask: Tensor, expand: int, tapered_corners: bool) -> io.NodeOutput:
        import torch
        import torch.nn.functional as F

        planes = mask.reshape(-1, 1, *mask.shape[-2:])
        if expand < 0:
            planes = -planes
        # growing by more than both sides together changes nothing
        for _ in range(min(abs(expand), sum(planes.shape[-2:]))):
            if tapered_corners:
                wide = F.max_pool2d(planes, (1, 3), 1, (0, 1))
                planes = torch.maximum(wide, F.max_pool2d(planes, (3, 1), 1, (1, 0)))
            else:
                planes = F.max_pool2d(planes, 3, 1, 1)
        return io.NodeOutput((-planes if expand < 0 else planes)[:, 0])
