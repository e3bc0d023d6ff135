"""VACE Keyframes: makes a clip of which some frames are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..api import io
from ..search import found_by
from ..streaming import Rule, always
from ..widgets import fit_input
from . import CATEGORY
from .masked import FRAMES, masked_outputs, shown

if TYPE_CHECKING:
    from torch import Tensor


class VaceKeyframes(io.ComfyNode):
    STREAMING = Rule(
        "whole",
        ("images", "control"),
        whole=always("it places single frames in a clip that it makes"),
    )
    ORDER = 240

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceKeyframes",
            display_name="VACE Keyframes",
            category=CATEGORY,
            **found_by(
                "first last frame, flf2v, start end frame, in-between, image to video, wan vace"
            ),
            description="Makes a clip in which some frames are given, such as the first and the "
            "last, and VACE generates the others.",
            inputs=[
                io.Image.Input("images", tooltip="The given frames, as one batch."),
                io.String.Input(
                    "positions",
                    default="",
                    tooltip=f"Their positions, in the same order: {FRAMES}. Empty: spread evenly "
                    "from the first frame to the last.",
                ),
                io.Int.Input(
                    "length",
                    default=81,
                    min=1,
                    max=16385,
                    step=4,
                    tooltip="Number of frames of the clip, 4n+1.",
                ),
                fit_input(
                    "crop",
                    "How a control with another aspect ratio is fitted to the size of the images: "
                    "each side scaled separately, whole with grey borders, or filled and cropped "
                    "at the edges.",
                ),
                io.Image.Input(
                    "control",
                    optional=True,
                    tooltip="Shown in all other frames instead of grey, such as poses: as many "
                    "frames as length, or one.",
                ),
            ],
            outputs=masked_outputs(),
        )

    @classmethod
    def execute(
        cls,
        images: Tensor,
        positions: str,
        length: int,
        fit: str,
        control: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.vace.keyframes import keyframes

        return shown(keyframes(images, positions, length, control=control, fit=fit))
