"""VACE Mask: says what a VACE model generates and what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.vace.choices import FARTHEST, REGIONS
from .. import advanced
from ..api import io
from ..search import found_by
from ..streaming import Outputs, Refusal, Rule, Step, Survey
from ..types import LINK_ONLY, BoundingBox, KinoPoses
from . import CATEGORY
from .masked import FRAMES, masked_outputs, shown

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.detections.detections import Detections
    from ...engines.pose.poses import Poses


class _SurveyStep(Step):
    """Finds what the node must know of the whole clip: how many frames it has and, for steady, what
    is generated in any of them, before it grows."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._frames = 0
        self._region: Tensor | None = None

    def run(self, inputs: Mapping[str, Any]) -> None:
        import torch

        self._frames += len(inputs["image"])
        if not inputs["steady"]:
            return
        region = self._execute({**inputs, "grow": 0, "feather": 0, "keep": ""})[1][:1]
        self._region = region if self._region is None else torch.maximum(self._region, region)

    def finish(self, inputs: Mapping[str, Any]) -> None:
        self.ends = {0: (self._frames, self._region)}

    @property
    def state(self) -> Any:
        return [self._frames, self._region]

    @state.setter
    def state(self, value: Any) -> None:
        self._frames, self._region = value


class _Step(Step):
    """Runs the node, after its survey if it needs one."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._at = 0

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        from ...engines.vace.positions import parse_frames

        inputs = dict(inputs)
        frames, region = inputs.pop("survey", (0, None))
        start, self._at = self._at, self._at + len(inputs["image"])
        if inputs["keep"].strip():
            kept = parse_frames(inputs["keep"], frames)
            inputs["keep"] = ",".join(str(at - start) for at in kept if start <= at < self._at)
        if region is not None:
            inputs |= {"generate": "mask", "mask": region, "poses": None, "bounding_box": None}
            inputs |= {"steady": False, "invert": False, "binary": False}
        return self._execute(inputs)

    @property
    def state(self) -> Any:
        return self._at

    @state.setter
    def state(self, value: Any) -> None:
        self._at = value


_SURVEY = Survey(
    _SurveyStep,
    needed=lambda values: bool(values.get("steady") or values.get("keep")),
    refusal=Refusal(
        "steady and keep look at the whole clip first",
        "set steady to false, and keep to nothing",
    ),
)


class VaceMask(io.ComfyNode):
    STREAMING = Rule(
        "frames",
        ("image", "mask", "poses", "bounding_box"),
        one=("mask", "poses", "bounding_box"),
        step=_Step,
        survey=_SURVEY,
    )
    ORDER = 220

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceMask",
            display_name="VACE Mask",
            category=CATEGORY,
            **found_by("inpaint, video inpainting, wan vace, bbox mask, person mask, grow mask"),
            description="Chooses what VACE generates and what it keeps, by a mask, by the boxes of "
            "people and by frames, and paints what is generated neutral grey.",
            inputs=[
                io.Image.Input("image", tooltip="The footage."),
                io.Combo.Input(
                    "generate",
                    options=list(REGIONS),
                    default="auto",
                    tooltip="auto: the white part of the connected mask and the connected boxes, "
                    "or everything if neither is connected. all: everything. none: nothing. mask, "
                    "boxes: that alone.",
                ),
                io.String.Input(
                    "keep",
                    default="",
                    tooltip=f"Frames that are kept whole: {FRAMES}. Empty: none.",
                ),
                io.Float.Input(
                    "margin",
                    default=10.0,
                    min=-49.0,
                    max=1000.0,
                    step=1.0,
                    tooltip="Added to each side of a box, in percent of that side.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-FARTHEST,
                    max=FARTHEST,
                    step=1,
                    tooltip="Pixels by which the generated area grows on every side; negative "
                    "values shrink it.",
                ),
                io.Int.Input(
                    "feather",
                    default=0,
                    min=0,
                    max=FARTHEST,
                    step=1,
                    tooltip="Pixels over which edges fade. 0: hard edges, as VACE was trained "
                    "with.",
                ),
                io.Boolean.Input(
                    "invert",
                    default=False,
                    tooltip="Generates what is outside instead. Frames to keep are still kept.",
                ),
                advanced.Boolean.Input(
                    "steady",
                    default=False,
                    tooltip="What is generated in any frame is generated in all: one static mask, "
                    "even where a detector lost somebody.",
                ),
                advanced.Boolean.Input(
                    "binary",
                    default=True,
                    tooltip="Makes the connected mask black and white at 0.5, as VACE does and "
                    "WanVaceToVideo does not. Rescaling softens its edges again; for hard edges "
                    "put VACE Mask after VACE Normalise.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generate: one for all frames or one per frame.",
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
                    tooltip="Boxes from any detector, per frame or one for all; used if poses is "
                    "not connected.",
                ),
            ],
            outputs=masked_outputs(),
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
        from ...engines.checks import check_frames
        from ...engines.vace.masks import mask_clip

        check_frames("image", image)
        boxes: Poses | Detections | None = poses
        if generate in ("auto", "boxes") and poses is None and bounding_box is not None:
            boxes = _boxes(bounding_box, image)
        return shown(
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


def _boxes(bounding_box: Any, image: Tensor) -> Detections:
    """Boxes of every frame, or of one frame that stand for all."""
    from ...engines.detections.bounding_boxes import boxes_by_frame, from_bounding_boxes

    frames, height, width = image.shape[:3]
    rows = boxes_by_frame(bounding_box)
    if not rows and frames > 1:
        raise InputError("bounding_box: holds no boxes; connect a detector that found something")
    return from_bounding_boxes(rows, 1 if len(rows) == 1 else frames, (height, width))
