"""Occlusion from Flow: finds what neighbouring frames do not share."""

from ...engines.flow.consistency import occlusion
from ...engines.flow.flow import Flow
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Ahead, Rule
from ..widgets import flow_input
from . import CATEGORY

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
            description="Finds what neighbouring frames do not share: pixels whose way there and "
            "back does not lead home.",
            inputs=[flow_input(_BOTH)],
            outputs=[
                io.Mask.Output(
                    display_name="lost",
                    tooltip="1 where the next frame hides a pixel; nothing in the last frame.",
                ),
                io.Mask.Output(
                    display_name="new",
                    tooltip="1 where the frame before did not show a pixel; nothing in a clip's "
                    "first frame.",
                ),
                io.Mask.Output(
                    display_name="confidence",
                    tooltip="How well the way to the frame before and back leads home: 1 exactly, "
                    "0.37 where new begins, 0 beyond the picture.",
                ),
            ],
        )

    @classmethod
    def execute(cls, flow: Flow) -> io.NodeOutput:
        found = occlusion(flow)
        device = host.image_device()
        masks = [mask.to(device) for mask in (found.lost, found.new, found.confidence)]
        text = f"{masks[0].mean():.1%} lost, {masks[1].mean():.1%} new"
        return io.NodeOutput(*masks, ui=Shown(text))
