"""Nodes between flow and files."""

from typing import Any

from ...engines.flow.files import FORMS, read_flow, write_flow
from ...engines.flow.flow import Flow
from ..api import host, io
from ..inputs import last_change
from ..search import found_by
from ..show import Shown
from ..types import KinoFlow


class SaveFlow(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSaveFlow",
            display_name="Save Flow",
            category="Kinograph/flow",
            **found_by("export flow, flo file, exr, kitti, motion vectors"),
            description="Writes optical flow to a file, or a folder with a file a pair of frames, "
            "of the output folder.",
            is_output_node=True,
            inputs=[
                KinoFlow.Input("flow", tooltip="From any node that gives flow."),
                io.Combo.Input(
                    "form",
                    options=list(FORMS),
                    default="npz",
                    tooltip="npz: the whole clip in one file of NumPy, exactly. flo: a folder of "
                    "Middlebury's files, exactly. exr: a folder for Nuke and its like, exactly. "
                    "kitti: a folder of 16-bit PNGs, small, in steps of 1/64 px.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="kinograph/flow",
                    tooltip="Name of the file or folder in the output folder; a number is added.",
                ),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, flow: Flow, form: str, filename_prefix: str) -> io.NodeOutput:
        path = host.save_path(filename_prefix, ".npz" if form == "npz" else "", flow.size)
        write_flow(flow, path, form, progress=host.progress(len(flow)))
        return io.NodeOutput(ui=Shown(str(path)))


class LoadFlow(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadFlow",
            display_name="Load Flow",
            category="Kinograph/flow",
            **found_by("import flow, flo file, exr, kitti, motion vectors"),
            description="Optical flow from a file instead of a network: .npz, .flo, .exr, KITTI's "
            ".png or .pfm, or a folder of them; which, it sees itself.",
            inputs=[
                io.String.Input(
                    "file", default="", tooltip="Name of a file or folder in the input folder."
                ),
                io.Float.Input(
                    "fps",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.01,
                    optional=True,
                    tooltip="Frames a second of the clip. 0: as the file says, or 16.",
                ),
            ],
            outputs=[KinoFlow.Output(display_name="flow", tooltip="For Kinograph's nodes.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_change(file)

    @classmethod
    def execute(cls, file: str, fps: float = 0.0) -> io.NodeOutput:
        flow = read_flow(host.input_path(file.strip()), fps=fps or None)
        height, width = flow.size
        pairs = "1 pair" if len(flow) == 1 else f"{len(flow)} pairs"
        direction = "forward and backward" if flow.direction == "both" else flow.direction
        text = (
            f"{flow.frame_count} frames ({pairs}), {width}x{height}, {direction}, {flow.fps:g} fps"
        )
        return io.NodeOutput(flow, ui=Shown(text))
