"""Draw Heads: draws the poses and the faces of heads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...engines.render.choices import COLOURINGS
from ...engines.render.heads.styles import HEAD_STYLES
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..previews import of_images
from ..search import found_by
from ..show import Shown
from ..streaming import Rule
from ..widgets import heads_input
from . import CATEGORY
from .pictures import background_inputs, behind, size_inputs

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.head.heads import Heads


class DrawHeads(io.ComfyNode):
    STREAMING = Rule("frames", ("heads", "footage"), one=("footage",), draws=True)
    ORDER = 560

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDrawHeads",
            display_name="Draw Heads",
            category=CATEGORY,
            **found_by(
                "head pose, head axes, face mesh, mediapipe face, face landmarks, face keypoints, "
                "face mask, controlnet preprocessor"
            ),
            description="Draws heads on black or over footage: their axes, boxes and wireframes, "
            "or their faces as ControlNet models know them; and masks the faces.",
            inputs=[
                heads_input(),
                io.Combo.Input(
                    "style",
                    options=list(HEAD_STYLES),
                    default="axes",
                    tooltip="axes: red to the head's left, green up, blue where it looks. box: "
                    "around the face. mesh: a wireframe. landmarks: all 468 points. "
                    "mediapipe_face: coloured contours, for ControlNetMediaPipeFace. "
                    "openpose_face_70: white points with pupils, as OpenPose and DWPose draw "
                    "faces. face_68: the same without pupils.",
                ),
                *size_inputs(),
                io.Float.Input(
                    "line_width",
                    default=0.0,
                    min=0.0,
                    max=200.0,
                    step=0.1,
                    tooltip="Thickness of lines in pixels. 0: that of the style.",
                ),
                advanced.Float.Input(
                    "dot_radius",
                    default=0.0,
                    min=-1.0,
                    max=200.0,
                    step=0.1,
                    tooltip="Radius of dots in pixels. 0: that of the style; -1: no dots where "
                    "there are lines.",
                ),
                advanced.Combo.Input(
                    "colours",
                    options=list(COLOURINGS),
                    default="style",
                    tooltip="style: as in the style. track: one colour per head, by the ids of "
                    "Track Heads; for inspection, not for models.",
                ),
                advanced.Boolean.Input(
                    "antialias",
                    default=True,
                    tooltip="Smooth edges at subpixel positions. Off: hard pixels; white points "
                    "then match the OpenCV drawing code of other packs pixel for pixel.",
                ),
                *background_inputs("heads", "frame of the heads"),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The drawn frames."),
                io.Mask.Output(display_name="mask", tooltip="1 where something is drawn."),
                io.Mask.Output(
                    display_name="face_mask",
                    tooltip="1 on the faces, from chin to forehead, in any style.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        heads: Heads,
        style: str,
        width: int,
        height: int,
        fit: str,
        line_width: float,
        dot_radius: float,
        colours: str,
        antialias: bool,
        background: str,
        footage: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.geometry.placement import complete_size
        from ...engines.render.heads.draw import draw_heads

        drawn = draw_heads(
            heads,
            style=style,
            size=complete_size(heads.canvas, height or None, width or None),
            fit=fit,
            footage=behind(background, footage),
            line_width=line_width,
            dot_radius=dot_radius,
            colours=colours,
            antialias=antialias,
            progress=host.progress(len(heads)),
        )
        device = host.image_device()
        text = f"{counted(len(heads), 'frame')} of {drawn.image.shape[2]}x{drawn.image.shape[1]}"
        shown = Shown(
            text, warnings=_warnings(heads, colours), picture=partial(of_images, drawn.image)
        )
        images = (drawn.image, drawn.mask, drawn.face)
        return io.NodeOutput(*(image.to(device) for image in images), ui=shown)


def _warnings(heads: Heads, colours: str) -> list[str]:
    if not bool(heads.count.any()):
        return ["no frame contains heads; nothing is drawn"]
    if colours == "track" and bool((heads.present & (heads.track_ids < 0)).any()):
        return ["colours: heads without a track are grey; put Track Heads before this node"]
    return []
