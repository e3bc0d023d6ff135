"""Estimate Flow: the motion between the frames of a clip."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.flow.choices import DIRECTIONS, DIS_PRESETS, FIRST_FRAMES
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..inputs import own_state
from ..previews import of_flow
from ..search import found_by
from ..show import Shown
from ..streaming import Carrying, Rule
from ..types import KinoEngine, KinoFlow
from ..widgets import rate_input, state_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.runtime.engine import Engine


class _Step(Carrying):
    """Gives the network whole batches of pairs."""

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        from ...engines.flow.estimate import FlowEstimator

        engine = inputs.get("engine")
        if engine is None:
            return count  # DIS takes each pair by itself
        image: Tensor = inputs["image"]
        settings = {name: inputs[name] for name in ("direction", "size")}
        estimator = FlowEstimator(engine, **settings)
        pairs = estimator.pairs_at_once((image.shape[1], image.shape[2]))
        extra = 0 if seen else 1  # the first frame ends no pair
        return (count - extra) // pairs * pairs + extra if count > extra else 0


class EstimateFlow(io.ComfyNode):
    STREAMING = Rule("state", ("image",), step=_Step, least=2)
    ORDER = 140

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographEstimateFlow",
            display_name="Estimate Flow",
            category=CATEGORY,
            **found_by(
                "optical flow, raft, motion vectors, farneback, unimatch, motion estimation"
            ),
            description="Computes the motion between the frames of a clip, in pixels. Without an "
            "engine it uses OpenCV's DIS, which needs no weights and no GPU.",
            inputs=[
                io.Image.Input("image", tooltip="Frames of any size."),
                io.Combo.Input(
                    "direction",
                    options=list(DIRECTIONS),
                    default="forward",
                    tooltip="forward: where each pixel moves to in the next frame, as VACE "
                    "expects. backward: where it was in the previous frame. both: needed for "
                    "occlusions, too.",
                ),
                advanced.Combo.Input(
                    "first_frame",
                    options=list(FIRST_FRAMES),
                    default="duplicate",
                    tooltip="What is used for the first frame, which has no predecessor. "
                    "duplicate: the flow of the second frame, like VACE's annotator. white: no "
                    "motion. zero: no motion, and a black image.",
                ),
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Longer side of the frames in the computation, in pixels; the flow is "
                    "always in pixels of the original frames. 0: the model's recommendation, at "
                    "most the original size; DIS uses the original size.",
                ),
                rate_input(
                    "Frame rate of the clip in frames per second, e.g. from Get Video Components; "
                    "it is stored with the flow."
                ),
                advanced.Combo.Input(
                    "dis_preset",
                    options=list(DIS_PRESETS),
                    default="medium",
                    tooltip="Accuracy of DIS, if no engine is connected.",
                ),
                KinoEngine.Input(
                    "engine",
                    optional=True,
                    tooltip="From Build Engine, with a flow model. Not connected: OpenCV's DIS.",
                ),
                state_input(
                    "The state of this node after the previous chunk, to continue from its last "
                    "frame."
                ),
                io.Boolean.Input(
                    "across_cuts",
                    default=False,
                    optional=True,
                    tooltip="Off: no motion from the last frame of a shot to the first of the "
                    "next. On: cuts are ignored, for clips in which fast motion is taken for one.",
                ),
            ],
            outputs=[
                KinoFlow.Output(display_name="flow", tooltip="For Kinograph's nodes."),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        direction: str,
        first_frame: str,
        size: int,
        fps: float,
        dis_preset: str,
        engine: Engine | None = None,
        state: Any = None,
        across_cuts: bool = False,
    ) -> io.NodeOutput:
        from ...engines.checks import check_frames
        from ...engines.flow.estimate import FlowEstimator, FlowState

        check_frames("image", image)
        before = own_state(state, FlowState) or FlowState()
        if engine is not None:
            host.ready(engine)
        estimator = FlowEstimator(
            engine,
            direction=direction,
            size=size,
            first=first_frame,
            fps=fps,
            preset=dis_preset,
            across_cuts=across_cuts,
            state=before,
        )
        flow = estimator.update(image, host.progress(len(image)))
        by = f"DIS {dis_preset}" if engine is None else engine.model.name
        pairs = counted(len(flow), "pair")
        text = f"{pairs} of {flow.size[1]}x{flow.size[0]}, {direction}, by {by}"
        if (where := estimator.state.cuts.text) and not across_cuts:
            text += f"\n{where}: no motion across a cut"
        if not len(flow):
            text += "\nWarning: one frame has no motion; connect at least two"
        return io.NodeOutput(flow, estimator.state, ui=Shown(text, picture=partial(of_flow, flow)))
