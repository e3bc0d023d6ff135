"""Occlusion from Flow: finds what neighbouring frames do not share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Ahead, Rule
from ..widgets import flow_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.flow.flow import Flow

_BOTH = "Flow in both directions, from Estimate Flow with direction both."


class FlowOcclusion(io.ComfyNode):
    STREAMING = Rule("stream", ("flow",), step=Ahead, least=2, latency="waits for the frame after")
    ORDER = 160

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFlowOcclusion",
            display_name="Occlusion from Flow",
            category=CATEGORY,
            **found_by("occlusion mask, forward backward consistency, disocclusion, confidence"),
            description="Marks pixels that are not visible in both of two neighbouring frames: "
            "those that fail the forward-backward consistency check.",
            inputs=[flow_input(_BOTH)],
            outputs=[
                io.Mask.Output(
                    display_name="lost",
                    tooltip="1 where a pixel is hidden in the next frame; empty in the last frame.",
                ),
                io.Mask.Output(
                    display_name="new",
                    tooltip="1 where a pixel was not visible in the previous frame; empty in the "
                    "first frame of a clip.",
                ),
                io.Mask.Output(
                    display_name="confidence",
                    tooltip="Forward-backward consistency with the previous frame: 1 if exact, "
                    "0.37 where new begins, 0 outside the image.",
                ),
            ],
        )

    @classmethod
    def execute(cls, flow: Flow) -> io.NodeOutput:
        from ...engines.flow.consistency import occlusion

        found = occlusion(flow)
        device = host.image_device()
        masks = [mask.to(device) for mask in (found.lost, found.new, found.confidence)]
        text = f"{masks[0].mean():.1%} lost, {masks[1].mean():.1%} new"
        return io.NodeOutput(*masks, ui=Shown(text))
