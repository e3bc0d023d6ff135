"""Load Bodies: bodies from a file instead of networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ..api import host, io
from ..inputs import last_change
from ..search import found_by
from ..show import Shown
from ..streaming import Rule
from ..types import KinoBodies
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies


class LoadBodies(io.ComfyNode):
    STREAMING = Rule("long")
    ORDER = 770

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadBodies",
            display_name="Load Bodies",
            category=CATEGORY,
            **found_by("load motion, import motion capture, mocap, body poses 3d"),
            description="Reads bodies from a file that Save Motion wrote as safetensors, instead "
            "of running networks.",
            inputs=[
                io.String.Input(
                    "file",
                    default="",
                    tooltip="Name of a .safetensors file in the input folder.",
                )
            ],
            outputs=[KinoBodies.Output(display_name="bodies", tooltip="For Kinograph's nodes.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_change(file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        from ...engines.body.files import read_bodies

        bodies: Bodies = read_bodies(host.input_path(file.strip()))
        high, wide = bodies.canvas
        tracks = len(bodies.track_ids[bodies.present & (bodies.track_ids >= 0)].unique())
        text = f"{counted(len(bodies), 'frame')} of {wide}x{high}, "
        text += f"{counted(int(bodies.count.sum()), 'body', 'bodies')}, {counted(tracks, 'track')}"
        return io.NodeOutput(bodies, ui=Shown(text))
