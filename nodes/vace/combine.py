"""VACE Combine: lays one control over another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.vace.choices import MODES
from .. import advanced
from ..api import io
from ..search import found_by
from ..streaming import Rule
from ..widgets import fit_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor


class VaceCombine(io.ComfyNode):
    STREAMING = Rule("frames", ("base", "over", "mask"), one=("over", "mask"), draws=True)
    ORDER = 250

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceCombine",
            display_name="VACE Combine",
            category=CATEGORY,
            **found_by("composite, blend, overlay, mix controls, multi controlnet"),
            description="Composites one control over another: skeletons over flow, or poses into "
            "the generated part of the footage. Chain several for more than two.",
            inputs=[
                io.Image.Input("base", tooltip="The lower layer; the result has its size."),
                io.Image.Input("over", tooltip="The upper layer: as many frames as base, or one."),
                io.Combo.Input(
                    "mode",
                    options=list(MODES),
                    default="over_black",
                    tooltip="over_black: over without its black background, for skeletons. "
                    "replace: all of it. lighten: the brighter of both, per channel.",
                ),
                io.Float.Input(
                    "opacity",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Opacity of over.",
                ),
                advanced.Float.Input(
                    "black",
                    default=0.02,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Pixels up to this brightness count as black background. Raise it for "
                    "drawings from a compressed video.",
                ),
                fit_input(
                    "crop",
                    "How over is fitted to the size of base: each side scaled separately, whole "
                    "with base in the borders, or filled and cropped at the edges.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="over is shown where this is white: one for all frames or one per "
                    "frame. Not connected: everywhere.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="Both controls in one image."),
                io.Mask.Output(display_name="mask", tooltip="How much of each pixel over covers."),
            ],
        )

    @classmethod
    def execute(
        cls,
        base: Tensor,
        over: Tensor,
        mode: str,
        opacity: float,
        black: float,
        fit: str,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.vace.combine import combine

        image, covered = combine(
            base, over, mode=mode, mask=mask, opacity=opacity, black=black, fit=fit
        )
        return io.NodeOutput(image, covered)
