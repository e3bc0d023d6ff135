"""Pad Image for Outpainting: a border to be painted, and the mask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import LARGEST, check_room

if TYPE_CHECKING:
    from torch import Tensor


class ImagePadForOutpaint(io.ComfyNode):
    STREAMING = Rule("frames", ("image",), fixed=(1,))

    @classmethod
    def define_schema(cls) -> io.Schema:
        def side(name: str) -> io.InputSpec:
            return io.Int.Input(name, default=0, min=0, max=LARGEST, step=8)

        return io.Schema(
            node_id="ImagePadForOutpaint",
            display_name="Pad Image for Outpainting",
            category="image/transform",
            inputs=[
                io.Image.Input("image", tooltip="The images to put a border around."),
                *map(side, ("left", "top", "right", "bottom")),
                io.Int.Input("feathering", default=40, min=0, max=LARGEST, step=1),
            ],
            outputs=[io.Image.Output(), io.Mask.Output()],
        )

    @classmethod
    def execute(
        cls, image: Tensor, left: int, top: int, right: int, bottom: int, feathering: int
    ) -> io.NodeOutput:
        import torch
        import torch.nn.functional as F

        frames, tall, wide, channels = image.shape
        check_room(frames, tall + top + bottom, wide + left + right, channels)
        pads = (left, right, top, bottom)
        padded = F.pad(image.movedim(-1, 1), pads, value=0.5).movedim(1, -1)
        # how far each pixel is from the nearest side that has a border
        rows, columns = torch.arange(tall)[:, None], torch.arange(wide)[None]
        far = torch.full((tall, wide), tall + wide)
        for there, distance in (
            (top, rows),
            (bottom, tall - rows),
            (left, columns),
            (right, wide - columns),
        ):
            if there:
                far = torch.minimum(far, distance)
        inner = torch.zeros(tall, wide)
        if 0 < feathering * 2 < min(tall, wide):
            inner = (((feathering - far.double()) / feathering).clamp(min=0) ** 2).float()
        return io.NodeOutput(padded, F.pad(inner[None], pads, value=1.0))
