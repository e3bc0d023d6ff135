"""Get Image from Batch: some images of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...nodes.standin import io
from ...nodes.streaming import Outputs, Refusal, Rule, Step, Values
from .scaling import LARGEST

if TYPE_CHECKING:
    from torch import Tensor


class _Step(Step):
    """Passes on the frames in question; the last of the clip if it ends before them."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._seen = 0
        self._given = 0
        self._last: Tensor | None = None

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        images: Tensor = inputs["image"]
        first = inputs["batch_index"] - self._seen
        self._seen += len(images)
        self._last = images[-1:]
        found = images[max(first, 0) : max(first + inputs["length"], 0)]
        self._given += len(found)
        return (found.clone(),) if len(found) else None

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        return None if self._given or self._last is None else (self._last.clone(),)

    @property
    def state(self) -> tuple[int, int, Tensor | None]:
        return self._seen, self._given, self._last

    @state.setter
    def state(self, value: tuple[int, int, Tensor | None]) -> None:
        self._seen, self._given, self._last = value


def _whole(values: Values) -> Refusal | None:
    index = values["batch_index"]
    if isinstance(index, int) and index >= 0:
        return None
    return Refusal("counts from the end of the clip", "choose a batch_index of 0 or more")


def _not_live(values: Values) -> Refusal:
    return Refusal("takes single images out of the stream", "leave it out")


class ImageFromBatch(io.ComfyNode):
    STREAMING = Rule("stream", ("image",), step=_Step, whole=_whole, not_live=_not_live)

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageFromBatch",
            display_name="Get Image from Batch",
            category="image/batch",
            inputs=[
                io.Image.Input("image", tooltip="The images to choose from."),
                io.Int.Input("batch_index", default=0, min=-LARGEST, max=LARGEST),
                io.Int.Input("length", default=1, min=1, max=4096),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(cls, image: Tensor, batch_index: int, length: int) -> io.NodeOutput:
        count = len(image)
        first = batch_index + count if batch_index < 0 else batch_index
        first = max(0, min(count - 1, first))
        return io.NodeOutput(image[first : first + length].clone())
