"""VACE Outpaint: puts the footage on a larger canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.vace.choices import FARTHEST, LARGEST, UNITS
from .. import advanced
from ..api import io
from ..search import found_by
from ..streaming import Rule
from . import CATEGORY
from .masked import masked_outputs, shown

if TYPE_CHECKING:
    from torch import Tensor


class VaceOutpaint(io.ComfyNode):
    STREAMING = Rule("frames", ("image", "mask"), one=("mask",))
    ORDER = 230

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceOutpaint",
            display_name="VACE Outpaint",
            category=CATEGORY,
            **found_by("outpaint, uncrop, extend, expand canvas, pad image, wan vace"),
            description="Places the footage on a larger canvas, for VACE to fill the margins. The "
            "sides of the canvas are rounded up to multiples of 16.",
            inputs=[
                io.Image.Input("image", tooltip="The footage."),
                *(
                    io.Float.Input(
                        name,
                        default=0.0,
                        min=0.0,
                        max=float(LARGEST),
                        step=1.0,
                        tooltip=f"Margin {where}, in pixels or percent.",
                    )
                    for name, where in (
                        ("left", "on the left"),
                        ("top", "at the top"),
                        ("right", "on the right"),
                        ("bottom", "at the bottom"),
                    )
                ),
                io.Combo.Input(
                    "unit",
                    options=list(UNITS),
                    default="pixels",
                    tooltip="Unit of the margins; percent of the footage's width or height.",
                ),
                advanced.Int.Input(
                    "overlap",
                    default=0,
                    min=0,
                    max=FARTHEST,
                    step=1,
                    tooltip="Pixels of the footage next to a margin that are regenerated, to hide "
                    "the seam.",
                ),
                advanced.Int.Input(
                    "feather",
                    default=0,
                    min=0,
                    max=FARTHEST,
                    step=1,
                    tooltip="Pixels further in over which the mask fades. 0: a hard edge, as VACE "
                    "was trained with.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="What to generate within the footage as well, e.g. from VACE Mask: one "
                    "for all frames or one per frame.",
                ),
            ],
            outputs=masked_outputs(),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        left: float,
        top: float,
        right: float,
        bottom: float,
        unit: str,
        overlap: int,
        feather: int,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.checks import check_frames
        from ...engines.vace.outpaint import margins_of, outpaint

        check_frames("image", image)
        size = (image.shape[1], image.shape[2])
        margins = margins_of(size, left=left, top=top, right=right, bottom=bottom, unit=unit)
        wide = outpaint(image, margins, overlap=overlap, feather=feather, mask=mask)
        tall, across = wide.mask.shape[1:]
        return shown(
            wide,
            f"{size[1]}x{size[0]} -> {across}x{tall}: left {margins.left}, top {margins.top}, "
            f"right {margins.right}, bottom {margins.bottom} px",
        )
