"""Flow Engine to Optical Flow Model: what ComfyUI's own nodes take to estimate flow with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...engines.flow.choices import DIS_PRESETS
from .. import advanced
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import ONCE
from ..types import KinoEngine, OpticalFlow
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.runtime.engine import Engine


class FlowEngineToOpticalFlowModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 145

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographOpticalFlowModel",
            display_name="Flow Engine to Optical Flow Model",
            category=CATEGORY,
            **found_by("optical_flow, raft, void warped noise, load optical flow model, inpaint"),
            description="Gives a flow engine, or OpenCV's DIS, to ComfyUI's own nodes that take an "
            "optical flow model, such as VOIDWarpedNoise.",
            inputs=[
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Longer side of the frames in the computation, in pixels; the flow is "
                    "always in pixels of the frames that the node gives. 0: the model's "
                    "recommendation, at most the frames' size; DIS uses the frames' size.",
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
                    tooltip="From Build Engine, with a flow model; raft_large_v2 has the weights "
                    "that ComfyUI's own loader takes. Not connected: OpenCV's DIS, on the CPU.",
                ),
            ],
            outputs=[
                OpticalFlow.Output(
                    display_name="optical_flow",
                    tooltip="For VOIDWarpedNoise. Only in ComfyUI: it is a model of its.",
                )
            ],
        )

    @classmethod
    def execute(cls, size: int, dis_preset: str, engine: Engine | None = None) -> io.NodeOutput:
        from ...engines.flow.estimate import FlowEstimator
        from ...engines.flow.pair_model import PairFlow

        FlowEstimator(engine, preset=dis_preset)  # refuses what does not estimate flow
        if engine is None:
            by, model = f"DIS {dis_preset}", PairFlow(size=size, preset=dis_preset)
        else:
            by = engine.model.name
            model = PairFlow(engine, size=size, before=partial(host.ready, engine))
        return io.NodeOutput(host.core_model(model), ui=Shown(f"optical flow by {by}"))
