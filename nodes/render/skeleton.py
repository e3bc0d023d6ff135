"""Draw Skeleton: draws poses as control images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from ...engines.pose.choices import PARTS
from ...engines.pose.skeletons import OPENPOSE_134, WHOLEBODY_133
from ...engines.render.choices import COLOUR_ORDERS, COLOURINGS
from ...engines.render.styles import STYLES
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..previews import of_images
from ..search import found_by
from ..show import Shown
from ..streaming import Rule
from ..widgets import poses_input
from . import CATEGORY
from .pictures import background_inputs, behind, size_inputs

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.pose.poses import Poses

_CHOICES = ["style", "always", "never"]


class DrawSkeleton(io.ComfyNode):
    STREAMING = Rule("frames", ("poses", "footage"), one=("footage",), draws=True)
    ORDER = 110

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDrawSkeleton",
            display_name="Draw Skeleton",
            category=CATEGORY,
            **found_by(
                "openpose, dwpose, skeleton, stick figure, render pose, pose map, controlnet "
                "preprocessor, draw keypoints"
            ),
            description="Draws poses as control images, all frames at once on the device of the "
            "poses.",
            inputs=[
                poses_input("From Detect Poses."),
                io.Combo.Input(
                    "style",
                    options=list(STYLES),
                    default="vace",
                    tooltip="vace: like VACE's own annotator, with face; vace_body: without it. "
                    "openpose: like ControlNet OpenPose and DWPose, with hands and face. xinsir: "
                    "the same with the thicker sticks of xinsir's ControlNets. wan_animate: thin, "
                    "with toes and hands. sdpose: like ComfyUI's SDPose Draw Keypoints, as "
                    "MiniMax H3 and SDPose take it, with feet, hands and face; for pictures 1024 "
                    "pixels long. yolo_nas: like the YOLO-NAS-Pose nodes.",
                ),
                *size_inputs(),
                io.Float.Input(
                    "line_width",
                    default=0.0,
                    min=0.0,
                    max=200.0,
                    step=0.1,
                    tooltip="Thickness of the limbs in pixels. 0: that of the style; in openpose "
                    "it is 8, and grows in pictures above 1024 pixels unless antialias is off.",
                ),
                advanced.Float.Input(
                    "joint_radius",
                    default=0.0,
                    min=-1.0,
                    max=200.0,
                    step=0.1,
                    tooltip="Radius of the joints in pixels. 0: that of the style; -1: no joints.",
                ),
                advanced.Combo.Input(
                    "colour_order",
                    options=list(COLOUR_ORDERS),
                    default="rgb",
                    tooltip="rgb: OpenPose's colours. bgr: red and blue swapped, like the files "
                    "that VACE's annotator saves.",
                ),
                advanced.Boolean.Input(
                    "antialias",
                    default=True,
                    tooltip="Smooth edges at subpixel positions. Off: hard pixels; openpose then "
                    "matches the OpenCV drawing code of other packs pixel for pixel.",
                ),
                *background_inputs("poses", "pose"),
                *(
                    advanced.Combo.Input(
                        part,
                        options=_CHOICES,
                        default="style",
                        optional=True,
                        tooltip=f"Whether {part} are drawn, if the poses have them: as in the "
                        "style, always or never."
                        if part != "face"
                        else "Whether faces are drawn, if the poses have them: as in the style, "
                        "always or never.",
                    )
                    for part in PARTS
                ),
                advanced.Combo.Input(
                    "colours",
                    options=list(COLOURINGS),
                    default="style",
                    optional=True,
                    tooltip="style: limbs are coloured as in the style. track: one colour per "
                    "person, by the ids of Track Poses; for inspection, not for models.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The drawn frames."),
                io.Mask.Output(display_name="mask", tooltip="1 where something is drawn."),
            ],
        )

    @classmethod
    def execute(
        cls,
        poses: Poses,
        style: str,
        width: int,
        height: int,
        fit: str,
        line_width: float,
        joint_radius: float,
        colour_order: str,
        antialias: bool,
        background: str,
        footage: Tensor | None = None,
        hands: str = "style",
        face: str = "style",
        feet: str = "style",
        colours: str = "style",
    ) -> io.NodeOutput:
        from ...engines.geometry.placement import complete_size
        from ...engines.render.skeleton import draw_skeletons

        image, mask = draw_skeletons(
            poses,
            style=style,
            parts=_parts(style, {"hands": hands, "face": face, "feet": feet}),
            colours=colours,
            size=complete_size(poses.canvas, height or None, width or None),
            fit=fit,
            footage=behind(background, footage),
            line_width=line_width,
            joint_radius=joint_radius,
            colour_order=colour_order,
            antialias=antialias,
            progress=host.progress(len(poses)),
        )
        device = host.image_device()
        text = f"{counted(len(poses), 'frame')} of {image.shape[2]}x{image.shape[1]}"
        if poses.are_animals:
            text += "; animals are drawn alike in every style"
        shown = Shown(
            text,
            warnings=_warnings(poses, {"hands": hands, "face": face, "feet": feet}, colours),
            picture=partial(of_images, image),
        )
        return io.NodeOutput(image.to(device), mask.to(device), ui=shown)


def _warnings(poses: Poses, choices: Mapping[str, str], colours: str) -> list[str]:
    if not bool(poses.count.any()):
        return ["no frame contains people; nothing is drawn"]
    found = []
    whole = poses.skeleton in (WHOLEBODY_133.name, OPENPOSE_134.name)
    if asked := [part for part, choice in choices.items() if choice == "always" and not whole]:
        found.append(
            f"{', '.join(asked)}: these poses have none; detect them with a whole-body model, such "
            "as dwpose in Detect Poses in Boxes"
        )
    if colours == "track" and bool((poses.present & (poses.track_ids < 0)).any()):
        found.append("colours: people without a track are grey; put Track Poses before this node")
    return found


def _parts(style: str, choices: Mapping[str, str]) -> set[str]:
    drawn = set(STYLES[style].parts) if style in STYLES else set()
    for part, choice in choices.items():
        if choice != "style":
            drawn = drawn | {part} if choice == "always" else drawn - {part}
    return drawn
