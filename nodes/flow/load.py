"""Load Flow: optical flow from files."""

from typing import Any

from ...engines.words import counted
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
            description="Reads optical flow from a file instead of running a network: .npz, .flo, "
            ".exr, KITTI's .png or .pfm, or a folder of them. The format is detected "
            "automatically.",
            inputs=[
                file_input(),
                open_rate_input(
                    "Frame rate of the clip in frames per second. 0: as stored in the file, or 16.",
                    optional=True,
                ),
            ],
            outputs=[KinoFlow.Output(display_name="flow", tooltip="For Kinograph's nodes.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_change(file)

    @classmethod
    def execute(cls, file: str, fps: float = 0.0) -> io.NodeOutput:
        from ...engines.flow.files import read_flow

        flow = read_flow(host.input_path(file.strip()), fps=fps or None)
        height, width = flow.size
        pairs = counted(len(flow), "pair")
        direction = "forward and backward" if flow.direction == "both" else flow.direction
        text = (
            f"{counted(flow.frame_count, 'frame')} ({pairs}), "
            f"{width}x{height}, {direction}, {flow.fps:g} fps"
        )
        return io.NodeOutput(flow, ui=Shown(text))
