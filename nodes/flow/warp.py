"""Warp by Flow: brings each frame's neighbour onto it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.flow.choices import ONTO
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Ahead, Behind, Outputs, Rule, Step
from ..streaming.steps import Held
from ..widgets import flow_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.flow.flow import Flow


class _Step(Step):
    """Looks at the frame before or after, as the node is set."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._either: dict[bool, Held] = {True: Behind(node), False: Ahead(node)}
        for step in self._either.values():
            step.rows = ("image", "flow")

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        return self._chosen(inputs).run(inputs)

    def finish(self, inputs: Mapping[str, Any]) -> Outputs | None:
        return self._chosen(inputs).finish(inputs)

    def _chosen(self, inputs: Mapping[str, Any]) -> Held:
        return self._either[inputs["onto"] == "previous onto this"]

    @property
    def state(self) -> Any:
        return [step.state for step in self._either.values()]

    @state.setter
    def state(self, value: Any) -> None:
        for step, rows in zip(self._either.values(), value, strict=True):
            step.state = rows


class FlowWarp(io.ComfyNode):
    STREAMING = Rule("stream", ("image", "flow"), step=_Step, least=2)
    ORDER = 170

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFlowWarp",
            display_name="Warp by Flow",
            category=CATEGORY,
            **found_by("motion compensation, remap, temporal consistency, ebsynth"),
            description="Warps the neighbouring frame onto each frame, and marks what the "
            "neighbour cannot show.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="The frames from which the flow was estimated, or others of the same "
                    "size and number.",
                ),
                flow_input(),
                io.Combo.Input(
                    "onto",
                    options=list(ONTO),
                    default=ONTO[0],
                    tooltip="Which neighbour is warped: the previous frame, along the backward "
                    "flow, or the next frame, along the forward flow.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image",
                    tooltip="The same number of frames; the frame without a neighbour is "
                    "unchanged.",
                ),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="1 where the neighbour does not show the position: because it is "
                    "occluded or, for flow in one direction, outside the image.",
                ),
            ],
        )

    @classmethod
    def execute(cls, image: Tensor, flow: Flow, onto: str) -> io.NodeOutput:
        from ...engines.flow.consistency import warp_clip

        moved, unknown = warp_clip(image, flow, onto)
        device = host.image_device()
        text = f"{unknown.mean():.1%} unknown"
        return io.NodeOutput(moved.to(device), unknown.to(device), ui=Shown(text))
