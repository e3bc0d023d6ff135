"""Empty Image: images of one colour."""

from ...nodes.standin import io
from ...nodes.streaming import ONCE
from .scaling import LARGEST, check_room


class EmptyImage(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="EmptyImage",
            display_name="Empty Image",
            category="image",
            inputs=[
                io.Int.Input("width", default=512, min=1, max=LARGEST, step=1),
                io.Int.Input("height", default=512, min=1, max=LARGEST, step=1),
                io.Int.Input("batch_size", default=1, min=1, max=4096),
                io.Int.Input("color", default=0, min=0, max=0xFFFFFF, step=1),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, width: int, height: int, batch_size: int, color: int) -> io.NodeOutput:
        import torch

        check_room(batch_size, height, width, 3)
        red_green_blue = torch.tensor([color >> 16 & 255, color >> 8 & 255, color & 255]) / 255
        return io.NodeOutput(red_green_blue.repeat(batch_size, height, width, 1))
