"""VACE Restore: undoes VACE Normalise on the generated clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.errors import InputError
from ...engines.vace.choices import SIZES
from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, always
from ..types import KinoVace
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.vace.control import VaceControl


class VaceRestore(io.ComfyNode):
    STREAMING = Rule(
        "whole",
        ("image", "vace", "original"),
        whole=always("it needs all of the clip that VACE Normalise prepared"),
    )
    ORDER = 280

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceRestore",
            display_name="VACE Restore",
            category=CATEGORY,
            **found_by("uncrop, unpad, crop back, undo padding, stitch, wan vace"),
            description="Reverses VACE Normalise on the generated clip: crops off borders and "
            "frames that it added, and scales back to the size of the source.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="The generated clip, decoded: as many frames, of the same size, as "
                    "VACE Normalise gave.",
                ),
                KinoVace.Input("vace", tooltip="From the VACE Normalise that prepared the clip."),
                io.Combo.Input(
                    "size",
                    options=list(SIZES),
                    default="source",
                    tooltip="source: scaled to the size that went into VACE Normalise. prepared: "
                    "only cropped, not scaled.",
                ),
                io.Image.Input(
                    "original",
                    optional=True,
                    tooltip="The clip that went into VACE Normalise, or the footage that it was "
                    "drawn from: fills in what fit crop had cropped away. Only with size source.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The clip without what was added."),
                io.Float.Output(
                    display_name="fps", tooltip="Frame rate of the clip: for Create Video."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, image: Tensor, vace: VaceControl, size: str, original: Tensor | None = None
    ) -> io.NodeOutput:
        from ...engines.vace.placement import restore
        from ...engines.vace.report import report_restored

        placement = vace.placement
        if placement is None:
            raise InputError(
                "vace: expected one from VACE Normalise, found one that does not know which clip "
                "it was made from; connect the vace output of VACE Normalise itself"
            )
        restored = restore(image, placement, size=size, original=original)
        text = report_restored(restored, placement, size, pasted=original is not None)
        return io.NodeOutput(restored, placement.rate, ui=Shown(text))
