"""Get Image Size: width, height and number of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...nodes.standin import io
from ...nodes.streaming import Outputs, Rule, Step

if TYPE_CHECKING:
    from torch import Tensor


class _Step(Step):
    """Counts the frames; their size is known with the first."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._count = 0

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        width, height, count = self._execute(inputs)
        self._count += count
        return width, height, None

    def finish(self, inputs: Mapping[str, Any]) -> None:
        self.ends[2] = self._count

    @property
    def state(self) -> int:
        return self._count

    @state.setter
    def state(self, value: int) -> None:
        self._count = value


class GetImageSize(io.ComfyNode):
    STREAMING = Rule("sums", ("image",), step=_Step, fixed=(0, 1), ends=(2,))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="GetImageSize",
            display_name="Get Image Size",
            category="image",
            inputs=[io.Image.Input("image", tooltip="The images to measure.")],
            outputs=[
                io.Int.Output(display_name="width"),
                io.Int.Output(display_name="height"),
                io.Int.Output(display_name="batch_size"),
            ],
        )

    @classmethod
    def execute(cls, image: Tensor) -> io.NodeOutput:
        count, height, width = image.shape[:3]
        return io.NodeOutput(width, height, count)
