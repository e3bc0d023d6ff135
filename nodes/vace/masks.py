"""Nodes that say what a VACE model shall generate, and that put controls together."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...engines.checks import check_frames
from ...engines.errors import InputError
from ...engines.geometry.placement import FITS
from ...engines.pose.boxes import from_bounding_boxes
from ...engines.pose.poses import Poses
from ...engines.vace.combine import MODES, combine
from ...engines.vace.keyframes import keyframes
from ...engines.vace.masks import FARTHEST, REGIONS, SPLIT, Masked, in_words, mask_clip
from ...engines.vace.outpaint import LARGEST, UNITS, margins_of, outpaint
from ..api import io
from ..search import found_by
from ..show import Shown
from ..types import LINK_ONLY, BoundingBox, KinoPoses

_FRAMES = "first, last, numbers (-1 is the last), ranges such as 0-8, every 16; commas between"


class VaceMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceMask",
            display_name="VACE Mask",
            category="Kinograph/vace",
            **found_by("inpaint, video inpainting, wan vace, bbox mask, person mask, grow mask"),
            description="Says what VACE generates and what it keeps: by a mask, by boxes of people "
            "and by frames; and paints what is generated neutral grey.",
            inputs=[
                io.Image.Input("image", tooltip="The footage."),
                io.Combo.Input(
                    "generate",
                    options=list(REGIONS),
                    default="auto",
                    tooltip="auto: where the connected mask is white and in the connected boxes; "
                    "everything when neither is connected. Or everything, nothing, the mask or "
                    "the boxes alone.",
                ),
                io.String.Input(
                    "keep",
                    default="",
                    tooltip=f"Frames that are kept whole: {_FRAMES}. Empty: none.",
                ),
                io.Float.Input(
                    "margin",
                    default=10.0,
                    min=-49.0,
                    max=1000.0,
                    step=1.0,
                    tooltip="Added on each side of a box, in percent of that side.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-FARTHEST,
                    max=FARTHEST,
                    step=1,
                    tooltip="Pixels by which what is generated grows on every side; negative: "
                    "shrinks.",
                ),
                io.Int.Input(
                    "feather",
                    default=0,
                    min=0,
                    max=FARTHEST,
                    step=1,
                    tooltip="Pixels over which edges fade. 0: hard, as VACE was trained with.",
                ),
                io.Boolean.Input(
                    "invert",
                    default=False,
                    tooltip="Generate what is outside instead. Frames to keep stay kept.",
                ),
                io.Boolean.Input(
                    "steady",
                    default=False,
                    tooltip="What is generated in any frame is generated in all: one still mask, "
                    "also where a detector lost somebody.",
                ),
                io.Boolean.Input(
                    "binary",
                    default=True,
                    tooltip="Makes the connected mask black and white at 0.5, as VACE does and "
                    "WanVaceToVideo does not. Rescaling softens its edges again: for hard ones put "
                    "VACE Mask behind VACE Normalise.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generate: one for all frames or one a frame.",
                ),
                KinoPoses.Input(
                    "poses",
                    optional=True,
                    tooltip="People whose boxes are generated.",
                ),
                BoundingBox.Input(
                    "bounding_box",
                    optional=True,
                    extra_dict=LINK_ONLY,
                    tooltip="Boxes of any detector, of each frame or one for all; used when poses "
                    "is not connected.",
                ),
            ],
            outputs=_masked_outputs(),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        generate: str,
        keep: str,
        margin: float,
        grow: int,
        feather: int,
        invert: bool,
        steady: bool,
        binary: bool,
        mask: Tensor | None = None,
        poses: Poses | None = None,
        bounding_box: Any = None,
    ) -> io.NodeOutput:
        check_frames("image", image)
        boxes = poses
        if generate in ("auto", "boxes") and poses is None and bounding_box is not None:
            boxes = _boxes(bounding_box, image)
        return _shown(
            mask_clip(
                image,
                generate=generate,
                mask=mask,
                boxes=boxes,
                margin=margin / 100,
                invert=invert,
                grow_by=grow,
                feather_by=feather,
                keep=keep,
                steady=steady,
                binary=binary,
            )
        )


class VaceOutpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceOutpaint",
            display_name="VACE Outpaint",
            category="Kinograph/vace",
            **found_by("outpaint, uncrop, extend, expand canvas, pad image, wan vace"),
            description="Puts the footage on a larger canvas, for VACE to fill the margins; the "
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
                    tooltip="Of the margins; percent of the footage's width or height.",
                ),
                io.Int.Input(
                    "overlap",
                    default=0,
                    min=0,
                    max=FARTHEST,
                    step=1,
                    tooltip="Pixels of the footage beside a margin that are generated anew, so "
                    "that no seam shows.",
                ),
                io.Int.Input(
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
                    tooltip="What of the footage is generated, too, e.g. from VACE Mask: one for "
                    "all frames or one a frame.",
                ),
            ],
            outputs=_masked_outputs(),
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
        check_frames("image", image)
        size = (image.shape[1], image.shape[2])
        margins = margins_of(size, left=left, top=top, right=right, bottom=bottom, unit=unit)
        wide = outpaint(image, margins, overlap=overlap, feather=feather, mask=mask)
        tall, across = wide.mask.shape[1:]
        return _shown(
            wide,
            f"{size[1]}x{size[0]} -> {across}x{tall}: left {margins.left}, top {margins.top}, "
            f"right {margins.right}, bottom {margins.bottom} px",
        )


class VaceKeyframes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceKeyframes",
            display_name="VACE Keyframes",
            category="Kinograph/vace",
            **found_by(
                "first last frame, flf2v, start end frame, in-between, image to video, wan vace"
            ),
            description="Makes a clip of which some frames are given, such as the first and the "
            "last, and VACE generates the others.",
            inputs=[
                io.Image.Input("images", tooltip="The frames that are given, as one batch."),
                io.String.Input(
                    "positions",
                    default="",
                    tooltip=f"Where they stand, in their order: {_FRAMES}. Empty: spread evenly "
                    "from the first frame to the last.",
                ),
                io.Int.Input(
                    "length",
                    default=81,
                    min=1,
                    max=16385,
                    step=4,
                    tooltip="Frames of the clip, 4n+1.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="crop",
                    tooltip="How a control of another shape is brought to the images' size: each "
                    "side by itself, whole with grey borders, or filled and cut at the edges.",
                ),
                io.Image.Input(
                    "control",
                    optional=True,
                    tooltip="Shown in all other frames instead of grey, such as poses: as many "
                    "frames as length, or one.",
                ),
            ],
            outputs=_masked_outputs(),
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
        return _shown(keyframes(images, positions, length, control=control, fit=fit))


class VaceCombine(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceCombine",
            display_name="VACE Combine",
            category="Kinograph/vace",
            **found_by("composite, blend, overlay, mix controls, multi controlnet"),
            description="Lays one control over another: skeletons over flow, poses into the part "
            "of the footage that is generated. Chain it for more than two.",
            inputs=[
                io.Image.Input("base", tooltip="What lies below; the result has its size."),
                io.Image.Input("over", tooltip="What lies above: as many frames as base, or one."),
                io.Combo.Input(
                    "mode",
                    options=list(MODES),
                    default="over_black",
                    tooltip="over_black: over without its black background, for skeletons. "
                    "replace: all of it. lighten: the brighter of both, channel by channel.",
                ),
                io.Float.Input(
                    "opacity",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Of over.",
                ),
                io.Float.Input(
                    "black",
                    default=0.02,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Pixels up to this brightness are black background. Higher for "
                    "drawings out of a compressed video.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="crop",
                    tooltip="How over is brought to base's size: each side by itself, whole with "
                    "base in the borders, or filled and cut at the edges.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Over shows where it is white: one for all frames or one a frame. "
                    "Nothing connected: everywhere.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="Both controls in one."),
                io.Mask.Output(display_name="mask", tooltip="How much over covers."),
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
        image, covered = combine(
            base, over, mode=mode, mask=mask, opacity=opacity, black=black, fit=fit
        )
        return io.NodeOutput(image, covered)


def _masked_outputs() -> list[Any]:
    return [
        io.Image.Output(
            display_name="image",
            tooltip="For VACE Normalise: the frames with what shall be generated painted neutral "
            "grey.",
        ),
        io.Mask.Output(
            display_name="mask",
            tooltip="For VACE Normalise: white = generate, black = keep; one for each frame.",
        ),
    ]


def _shown(masked: Masked, text: str = "") -> io.NodeOutput:
    said = "; ".join(filter(None, (text, in_words(masked.mask))))
    if not bool((masked.mask > SPLIT).any()):
        said += (
            "\nWarning: nothing is generated; connect a mask or boxes that hold something, or look "
            "at keep"
        )
    return io.NodeOutput(masked.image, masked.mask, ui=Shown(said))


def _boxes(bounding_box: Any, image: Tensor) -> Poses:
    """Boxes of every frame, or of one frame that stand for all."""
    frames, height, width = image.shape[:3]
    rows = bounding_box if isinstance(bounding_box, list) else [bounding_box]
    if not rows and frames > 1:
        raise InputError("bounding_box: holds no boxes; connect a detector that found something")
    single = len(rows) == 1 or (bool(rows) and isinstance(rows[0], Mapping))
    return from_bounding_boxes(bounding_box, 1 if single else frames, (height, width))
