"""Load Heads: heads from a file instead of networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ..api import host, io
from ..inputs import last_change
from ..search import found_by
from ..show import Shown
from ..streaming import Rule
from . import CATEGORY
from .outputs import FACE_LANDMARKS, head_outputs, head_values

if TYPE_CHECKING:
    from ...engines.head.heads import Heads


class LoadHeads(io.ComfyNode):
    STREAMING = Rule("long", never=(FACE_LANDMARKS,))
    ORDER = 570

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadHeads",
            display_name="Load Heads",
            category=CATEGORY,
            **found_by("load head pose, import face landmarks, head angles"),
            description="Reads heads from a file that Save Heads wrote as JSON or safetensors, "
            "instead of running networks.",
            inputs=[
                io.String.Input(
                    "file",
                    default="",
                    tooltip="Name of a .json or .safetensors file in the input folder.",
                )
            ],
            outputs=head_outputs(),
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_change(file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        from ...engines.head.files import read_heads

        heads: Heads = read_heads(host.input_path(file.strip()))
        high, wide = heads.canvas
        text = f"{counted(len(heads), 'frame')} of {wide}x{high}, "
        text += counted(int(heads.count.sum()), "head")
        if not heads.landmarks.shape[2]:
            text += ", without landmarks"
        return io.NodeOutput(*head_values(heads), ui=Shown(text))
