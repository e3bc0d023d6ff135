"""Nodes that ask optical flow what moves, what is hidden and where pictures go."""

from torch import Tensor

from ...engines.flow.camera import CAMERAS
from ...engines.flow.consistency import ONTO, occlusion, warp_clip
from ...engines.flow.flow import Flow
from ...engines.flow.motion import motion_mask
from ...engines.flow.statistics import as_json, as_table, flow_statistics
from ...engines.vace.morphology import feather, grow
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..types import KinoFlow

_FLOW = "From Estimate Flow or another node that gives it."
_BOTH = "Flow in both directions, from Estimate Flow with direction both."


class FlowOcclusion(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFlowOcclusion",
            display_name="Occlusion from Flow",
            category="Kinograph/flow",
            **found_by("occlusion mask, forward backward consistency, disocclusion, confidence"),
            description="Finds what neighbouring frames do not share: pixels whose way there and "
            "back does not lead home.",
            inputs=[KinoFlow.Input("flow", tooltip=_BOTH)],
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


class FlowWarp(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFlowWarp",
            display_name="Warp by Flow",
            category="Kinograph/flow",
            **found_by("motion compensation, remap, temporal consistency, ebsynth"),
            description="Brings each frame's neighbour onto it along the flow, and says what the "
            "neighbour cannot show.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="The frames that the flow was estimated from, or others of their size "
                    "and number.",
                ),
                KinoFlow.Input("flow", tooltip=_FLOW),
                io.Combo.Input(
                    "onto",
                    options=list(ONTO),
                    default=ONTO[0],
                    tooltip="Which neighbour: the frame before, along backward flow, or the frame "
                    "after, along forward flow.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image",
                    tooltip="As many frames; the one without a neighbour is itself.",
                ),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="1 where the neighbour does not show the place: hidden there, or, of "
                    "flow in one direction, beyond its edge.",
                ),
            ],
        )

    @classmethod
    def execute(cls, image: Tensor, flow: Flow, onto: str) -> io.NodeOutput:
        moved, unknown = warp_clip(image, flow, onto)
        device = host.image_device()
        text = f"{unknown.mean():.1%} unknown"
        return io.NodeOutput(moved.to(device), unknown.to(device), ui=Shown(text))


class FlowMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFlowMask",
            display_name="Flow to Mask",
            category="Kinograph/flow",
            **found_by("motion mask, movement, moving objects, camera motion, difference mask"),
            description="Masks what moves, on request only what moves otherwise than the camera.",
            inputs=[
                KinoFlow.Input("flow", tooltip=_FLOW),
                io.Float.Input(
                    "threshold",
                    default=1.0,
                    min=0.0,
                    max=1000.0,
                    step=0.05,
                    tooltip="Speed in pixels a frame from which on a pixel moves.",
                ),
                io.Combo.Input(
                    "camera",
                    options=list(CAMERAS),
                    default="keep",
                    tooltip="What is subtracted first. keep: nothing. translation: the motion of "
                    "most of the picture. affine: the same with zoom, rotation and shear.",
                ),
                io.Float.Input(
                    "soft",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.05,
                    tooltip="Pixels a frame above the threshold over which the mask fades in. 0: "
                    "it is 0 or 1.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-256,
                    max=256,
                    step=1,
                    tooltip="Pixels by which the mask grows on every side; negative shrinks it.",
                ),
                io.Float.Input(
                    "feather",
                    default=0.0,
                    min=0.0,
                    max=256.0,
                    step=0.5,
                    tooltip="Pixels over which the mask's edges fade, half on each side.",
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="1 where something moves.")],
        )

    @classmethod
    def execute(
        cls,
        flow: Flow,
        threshold: float,
        camera: str,
        soft: float,
        grow: int,
        feather: float,
    ) -> io.NodeOutput:
        mask = motion_mask(flow, threshold=threshold, soft=soft, camera=camera)
        mask = _shaped(mask, grow, feather).to(host.image_device())
        return io.NodeOutput(mask, ui=Shown(f"{mask.mean():.1%} moves"))


class FlowStatistics(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFlowStatistics",
            display_name="Flow Statistics",
            category="Kinograph/flow",
            **found_by("motion amount, motion score, speed, camera motion"),
            description="Tells how fast a clip moves, where to and how much of it, and how the "
            "camera does, frame by frame.",
            is_output_node=True,
            inputs=[
                KinoFlow.Input("flow", tooltip=_FLOW),
                io.Float.Input(
                    "threshold",
                    default=1.0,
                    min=0.0,
                    max=1000.0,
                    step=0.05,
                    tooltip="Speed in pixels a frame from which on a pixel counts as moving.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="json", tooltip="All the numbers as JSON."),
                io.Float.Output(
                    display_name="mean", tooltip="The clip's mean speed in pixels a frame."
                ),
                io.Float.Output(
                    display_name="max", tooltip="The clip's highest speed in pixels a frame."
                ),
            ],
        )

    @classmethod
    def execute(cls, flow: Flow, threshold: float) -> io.NodeOutput:
        found = flow_statistics(flow, threshold=threshold)
        return io.NodeOutput(
            as_json(found, fps=flow.fps, threshold=threshold),
            found.clip_mean,
            found.clip_max,
            ui=Shown(as_table(found)),
        )


def _shaped(mask: Tensor, pixels: int, edge: float) -> Tensor:
    return feather(grow(mask, pixels) if pixels else mask, edge)
