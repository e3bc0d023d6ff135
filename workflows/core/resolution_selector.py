"""Resolution Selector: width and height from an aspect ratio and a number of pixels."""

import math

from ...nodes.standin import io
from ...nodes.streaming import ONCE

_RATIOS = {
    "1:1 (Square)": (1, 1),
    "2:3 (Portrait Photo)": (2, 3),
    "3:2 (Photo)": (3, 2),
    "3:4 (Portrait Standard)": (3, 4),
    "4:3 (Standard)": (4, 3),
    "9:16 (Portrait Widescreen)": (9, 16),
    "16:9 (Widescreen)": (16, 9),
    "21:9 (Ultrawide)": (21, 9),
}


class ResolutionSelector(io.ComfyNode):
    STREAMING = ONCE

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ResolutionSelector",
            display_name="Resolution Selector",
            category="utilities",
            inputs=[
                io.Combo.Input("aspect_ratio", options=tuple(_RATIOS), default="1:1 (Square)"),
                io.Float.Input("megapixels", default=1.0, min=0.1, max=16.0, step=0.1),
                io.Int.Input("multiple", default=8, min=8, max=128, step=4),
            ],
            outputs=[
                io.Int.Output(display_name="width"),
                io.Int.Output(display_name="height"),
            ],
        )

    @classmethod
    def execute(cls, aspect_ratio: str, megapixels: float, multiple: int) -> io.NodeOutput:
        wide, tall = _RATIOS[aspect_ratio]
        scale = math.sqrt(megapixels * 1024 * 1024 / (wide * tall))
        return io.NodeOutput(*(round(side * scale / multiple) * multiple for side in (wide, tall)))
