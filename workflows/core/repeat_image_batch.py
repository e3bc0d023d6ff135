"""Repeat Image Batch: the same images several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Refusal, Rule, Values
from .scaling import check_room

if TYPE_CHECKING:
    from torch import Tensor


def _whole(values: Values) -> Refusal | None:
    if values["amount"] == 1:
        return None
    return Refusal("begins again after the end of the clip", "choose an amount of 1")


class RepeatImageBatch(io.ComfyNode):
    STREAMING = Rule("frames", ("image",), whole=_whole)

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="RepeatImageBatch",
            display_name="Repeat Image Batch",
            category="image/batch",
            inputs=[
                io.Image.Input("image", tooltip="The images to repeat."),
                io.Int.Input("amount", default=1, min=1, max=4096),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor, amount: int) -> io.NodeOutput:
        count, height, width, channels = image.shape
        check_room(count * amount, height, width, channels)
        return io.NodeOutput(image.repeat(amount, 1, 1, 1))
