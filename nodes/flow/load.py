"""Load Flow: optical flow from files."""

from typing import Any

from ...engines.flow.files import read_flow
from ..api import host, io
from ..inputs import last_change
from ..search import found_by
from ..show import Shown
from ..streaming import Rule
from ..types import KinoFlow
from ..widgets import file_input, open_rate_input
from . import CATEGORY


class LoadFlow(io.ComfyNode):
    STREAMING = Rule("long")
    ORDER = 200

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadFlow",
            display_name="Load Flow",
            category=CATEGORY,
            **found_by("import flow, flo file, exr, kitti, motion vectors"),
            description="Optical flow from a file instead of a network: .npz, .flo, .exr, KITTI's "
            ".png or .pfm, or a folder of them; which, it sees itself.",
            inputs=[
                file_input(),
                open_rate_input(
                    "Frames a second of the clip. 0: as the file says, or 16.", optional=True
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
