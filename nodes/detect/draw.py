"""Draw Detections: draws boxes, cuboids in space, keypoints and names of objects."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...engines.words import counted, enumerated
from .. import advanced
from ..api import host, io
from ..previews import of_images
from ..render.pictures import background_inputs, behind, size_inputs
from ..search import found_by
from ..show import Shown
from ..streaming import Rule
from . import CATEGORY
from .outputs import detections_input

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.detect.objects import Objects


class DrawDetections(io.ComfyNode):
    STREAMING = Rule("frames", ("detections", "footage"), one=("footage",), draws=True)
    ORDER = 720

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDrawDetections",
            display_name="Draw Detections",
            category=CATEGORY,
            **found_by("draw bounding boxes, 3d box, cuboid, wireframe, annotate, bbox visualizer"),
            description="Draws what was detected on black or over footage: boxes, cuboids and axes "
            "in space, keypoints, and the class and score of each object.",
            inputs=[
                detections_input(),
                io.Boolean.Input(
                    "boxes",
                    default=True,
                    tooltip="Draws the box around each object, in the colour of its class.",
                ),
                io.Boolean.Input(
                    "cuboids",
                    default=True,
                    tooltip="Draws a cuboid around each object in space, hidden edges dark, and "
                    "its axes: x red, y green, z blue. Needs poses in space.",
                ),
                io.Boolean.Input(
                    "keypoints",
                    default=True,
                    tooltip="Draws the keypoints that are visible, and the lines between them.",
                ),
                io.Boolean.Input(
                    "labels",
                    default=True,
                    tooltip="Writes the class and the score of each object at its box. A class "
                    "whose name the font lacks letters of, such as Chinese, is written by number.",
                ),
                advanced.marked(
                    io.String.Input(
                        "object_size",
                        default="",
                        multiline=True,
                        tooltip="Sides of the cuboids in metres, x y z: of all objects, such as "
                        "0.1 0.14 0.2, or with the name of a class before, a line for each. Empty: "
                        "as the training data had them; otherwise cubes that fill the boxes.",
                    )
                ),
                *size_inputs(),
                advanced.Float.Input(
                    "line_width",
                    default=0.0,
                    min=0.0,
                    max=200.0,
                    step=0.1,
                    tooltip="Thickness of lines in pixels. 0: by the size of the images.",
                ),
                advanced.Int.Input(
                    "text_size",
                    default=0,
                    min=0,
                    max=400,
                    step=1,
                    tooltip="Height of the letters in pixels. 0: by the size of the images.",
                ),
                *background_inputs("detections", "frame of the detections"),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The drawn frames."),
                io.Mask.Output(display_name="mask", tooltip="1 where something is drawn."),
            ],
        )

    @classmethod
    def execute(
        cls,
        detections: Objects,
        boxes: bool,
        cuboids: bool,
        keypoints: bool,
        labels: bool,
        object_size: str,
        width: int,
        height: int,
        fit: str,
        line_width: float,
        text_size: int,
        background: str,
        footage: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.geometry.placement import complete_size
        from ...engines.render.objects.draw import Drawn, draw_objects

        image, mask = draw_objects(
            detections,
            Drawn(boxes=boxes, cuboids=cuboids, keypoints=keypoints, labels=labels),
            sizes=object_size,
            size=complete_size(detections.canvas, height or None, width or None),
            fit=fit,
            footage=behind(background, footage),
            line_width=line_width,
            text_size=text_size,
            progress=host.progress(len(detections)),
        )
        device = host.image_device()
        text = f"{counted(len(image), 'frame')} of {image.shape[2]}x{image.shape[1]}"
        shown = Shown(
            text,
            warnings=_warnings(detections, cuboids, object_size),
            picture=partial(of_images, image),
        )
        return io.NodeOutput(image.to(device), mask.to(device), ui=shown)


def _warnings(objects: Objects, cuboids: bool, object_size: str) -> list[str]:
    from ...engines.detect.sizes import bounds_table

    if not bool(objects.count.any()):
        return ["no frame contains objects; nothing is drawn"]
    if not cuboids:
        return []
    if objects.rotation is None:
        return [
            "cuboids: these detections have no poses in space, so none are drawn; set fov in "
            "Detect Objects, or switch cuboids off"
        ]
    table = bounds_table(objects, object_size)
    there = objects.classes[objects.present].unique()
    unknown = there[table[there].isnan().flatten(1).any(1)].tolist()
    if unknown:
        names = enumerated([objects.labels.name(number) for number in unknown])
        return [
            f"object_size: the size of {names} is not known; cubes that fill the boxes are drawn"
        ]
    return []
