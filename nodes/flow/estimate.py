"""Nodes that estimate optical flow."""

from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from ...engines.checks import check_frames
from ...engines.families import network_of
from ...engines.flow.dis import PRESETS
from ...engines.flow.estimate import FlowEstimator, FlowState
from ...engines.flow.flow import DIRECTIONS, FIRST_FRAMES
from ...engines.models.registry import OWN_FLOW_FAMILIES, registry, resolve
from ...engines.runtime.engine import Engine
from ..api import host, io
from ..inputs import last_model_change, own_state
from ..previews import of_flow
from ..search import found_by
from ..show import Shown
from ..types import KinoEngine, KinoFlow, KinoModel, KinoState


def _updates_input() -> Any:
    return io.Int.Input(
        "updates",
        default=0,
        min=0,
        max=64,
        step=1,
        tooltip="How often the network improves its flow. Fewer are faster: half as many take "
        "about half the time. 0: as it is usually run, RAFT 12 times and NeuFlow 8; VACE's "
        "annotator runs RAFT 20 times.",
    )


def _both_input() -> Any:
    return io.Boolean.Input(
        "both_ways",
        default=False,
        tooltip="The engine gives the backward flow, too, from the same features; for direction "
        "both in Estimate Flow, which otherwise runs the clip a second time, backwards.",
    )


def _warm_input() -> Any:
    return io.Boolean.Input(
        "warm_start",
        default=False,
        tooltip="RAFT begins each pair with where the pair before leads, so that fewer updates do "
        "in steady motion. Pairs then go one by one, and in PyTorch: for live streams.",
    )


class LoadFlowModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = [entry.name for entry in registry().values() if entry.task == "flow"]
        return io.Schema(
            node_id="KinographLoadFlowModel",
            display_name="Load Flow Model",
            category="Kinograph/flow",
            **found_by("raft, neuflow, sea raft, optical flow model"),
            description="Chooses a network for optical flow. Its weights are fetched once and "
            "checked against their sha256.",
            inputs=[
                io.Combo.Input(
                    "model",
                    options=names,
                    default="raft_small_v2",
                    tooltip="raft_small: fast. raft_large: more exact, about five times the work. "
                    "v1 are the weights of the paper's authors (raft_large_v1 is what VACE's "
                    "annotator runs), v2 torchvision's own, a little better. neuflow_v2: newer and "
                    "lighter than raft_large.",
                ),
                _updates_input(),
                _both_input(),
                _warm_input(),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def execute(cls, model: str, updates: int, both_ways: bool, warm_start: bool) -> io.NodeOutput:
        found = resolve(model, folder=host.models_folder(), progress=host.downloading)
        found = replace(found, updates=updates, both=both_ways, warm=warm_start)
        network_of(found)  # refuses settings that the network does not have
        return io.NodeOutput(found)


class LoadFlowFile(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadFlowFile",
            display_name="Load Flow Model File",
            category="Kinograph/flow",
            **found_by("raft weights, spynet, optical flow model, pth"),
            description="Takes weights of your own for a network of optical flow.",
            inputs=[
                io.Combo.Input(
                    "family",
                    options=list(OWN_FLOW_FAMILIES),
                    default="raft_small",
                    tooltip="Which network the file is for.",
                ),
                io.String.Input(
                    "file",
                    default="",
                    tooltip="Name of the file (.pth or .safetensors) in the folder kinograph of "
                    "ComfyUI's models folder.",
                ),
                _updates_input(),
                _both_input(),
                _warm_input(),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_model_change(file)

    @classmethod
    def execute(
        cls, family: str, file: str, updates: int, both_ways: bool, warm_start: bool
    ) -> io.NodeOutput:
        model = resolve(f"{family}:{file.strip()}", folder=host.models_folder())
        model = replace(model, updates=updates, both=both_ways, warm=warm_start)
        network_of(model)
        return io.NodeOutput(model)


class EstimateFlow(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographEstimateFlow",
            display_name="Estimate Flow",
            category="Kinograph/flow",
            **found_by(
                "optical flow, raft, motion vectors, farneback, unimatch, motion estimation"
            ),
            description="The motion between the frames of a clip, in pixels. Without an engine by "
            "OpenCV's DIS, which needs no weights and no GPU.",
            inputs=[
                io.Image.Input("image", tooltip="Frames of any size."),
                io.Combo.Input(
                    "direction",
                    options=list(DIRECTIONS),
                    default="forward",
                    tooltip="forward: where each pixel goes in the next frame, as VACE wants it. "
                    "backward: where it was in the frame before. both: also for occlusions.",
                ),
                io.Combo.Input(
                    "first_frame",
                    options=list(FIRST_FRAMES),
                    default="duplicate",
                    tooltip="What stands for the first frame, which nothing comes before. "
                    "duplicate: the second's flow, as VACE's annotator. white: no motion. zero: no "
                    "motion, and a black picture.",
                ),
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Longer side of the frames in the computation, in pixels; the flow is "
                    "of the frames' own size. 0: the model's recommendation, at most their own "
                    "size; for DIS their own.",
                ),
                io.Float.Input(
                    "fps",
                    default=16.0,
                    min=1.0,
                    max=240.0,
                    step=0.01,
                    tooltip="Frames a second of the clip, e.g. from Get Video Components; it "
                    "travels with the flow.",
                ),
                io.Combo.Input(
                    "dis_preset",
                    options=list(PRESETS),
                    default="medium",
                    tooltip="How exact DIS is, when no engine is connected.",
                ),
                KinoEngine.Input(
                    "engine",
                    optional=True,
                    tooltip="From Build Engine, of a flow model. Nothing connected: OpenCV's DIS.",
                ),
                KinoState.Input(
                    "state",
                    optional=True,
                    tooltip="State of this node after the chunk before, to go on from its last "
                    "frame.",
                ),
            ],
            outputs=[
                KinoFlow.Output(display_name="flow", tooltip="For Kinograph's nodes."),
                KinoState.Output(
                    display_name="state", tooltip="For this node with the chunk that follows."
                ),
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
    ) -> io.NodeOutput:
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
            state=before,
        )
        flow = estimator.update(image, host.progress(len(image)))
        by = f"DIS {dis_preset}" if engine is None else engine.model.name
        text = f"{len(flow)} pairs of {flow.size[1]}x{flow.size[0]}, {direction}, by {by}"
        if not len(flow):
            text += "\nWarning: one frame has no motion; give at least two"
        return io.NodeOutput(flow, estimator.state, ui=Shown(text, picture=partial(of_flow, flow)))
