"""Face Crops: one person's face in every frame, for models that animate it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.head.choices import CHOOSE
from .. import advanced
from ..api import host, io
from ..previews import of_images
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Refusal, Rule, Step, Survey
from ..types import BoundingBox, KinoHeads, KinoPoses
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.head.crop_boxes import FaceBoxes
    from ...engines.head.face_crops import OneFace
    from ...engines.head.heads import Heads
    from ...engines.pose.poses import Poses

_SMALL = 64  # px: a box of this height is enlarged eight times


class _SurveyStep(Step):
    """Finds where the face is in every frame of the clip."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._faces: FaceBoxes | None = None  # of all frames so far

    def run(self, inputs: Mapping[str, Any]) -> None:
        from ...engines.head.crop_boxes import FaceBoxes

        here = _faces(inputs["image"], inputs.get("heads"), inputs.get("poses"), inputs["area"])
        self._faces = here if self._faces is None else FaceBoxes.cat([self._faces, here])

    def finish(self, inputs: Mapping[str, Any]) -> None:
        from ...engines.head.face_crops import one_face

        if self._faces is not None:
            name = "poses" if inputs.get("heads") is None else "heads"
            self.ends = {0: one_face(self._faces, name, inputs["choose"], inputs["person"])}

    @property
    def state(self) -> Any:
        return self._faces

    @state.setter
    def state(self, value: Any) -> None:
        self._faces = value


class _Step(Step):
    """Crops the next frames where the survey found the face."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._at = 0

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        from ...engines.checks import check_frames

        image, face = inputs["image"], inputs["survey"]
        check_frames("image", image)
        start, self._at = self._at, self._at + len(image)
        if not self.text:
            self.text = Shown(_text(face), warnings=_warnings(face, inputs.get("heads"))).value
        return _cropped(image, face.slice(start, self._at))

    @property
    def state(self) -> Any:
        return self._at

    @state.setter
    def state(self, value: Any) -> None:
        self._at = value


_SURVEY = Survey(
    _SurveyStep,
    needed=lambda values: True,
    refusal=Refusal(
        "it looks at the whole clip first, for the face on both sides of a gap",
        "run it on a recorded clip",
    ),
)


class FaceCrops(io.ComfyNode):
    STREAMING = Rule(
        "frames",
        ("image", "heads", "poses"),
        step=_Step,
        survey=_SURVEY,
        anywhere=("image",),
    )
    ORDER = 545

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFaceCrops",
            display_name="Face Crops",
            category=CATEGORY,
            **found_by(
                "wan animate, face video, face_video, crop face, face bbox, face images, lip sync"
            ),
            description="Cuts the face of one person out of every frame, as many crops of 512x512 "
            "pixels as there are frames, for models such as Wan-Animate.",
            inputs=[
                io.Image.Input("image", tooltip="The frames that the faces were found in."),
                io.Combo.Input(
                    "choose",
                    options=list(CHOOSE),
                    default="index",
                    tooltip="index: person 0 is who shows their face in most frames, 1 the next. "
                    "track: person is a track id.",
                ),
                io.Int.Input(
                    "person",
                    default=0,
                    min=0,
                    max=1_000_000,
                    step=1,
                    tooltip="Whose face is cut out, as choose says. Use one node for each person.",
                ),
                advanced.Float.Input(
                    "area",
                    default=1.3,
                    min=1.0,
                    max=16.0,
                    step=0.1,
                    tooltip="Area of the crop as a multiple of that of the box around the face's "
                    "68 points. 1.3: as Wan-Animate crops.",
                ),
                KinoHeads.Input(
                    "heads",
                    optional=True,
                    tooltip="From Track Heads or any other node that outputs heads.",
                ),
                KinoPoses.Input(
                    "poses",
                    optional=True,
                    tooltip="Instead of heads: people with the points of their faces, such as from "
                    "Add Hands and Face.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="crops",
                    tooltip="The face in every frame, stretched to 512x512 pixels.",
                ),
                BoundingBox.Output(
                    display_name="bounding_box",
                    tooltip="Where each crop lies in its frame: one box per frame.",
                ),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="1 within the box, in the size of the frames.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        choose: str,
        person: int,
        area: float,
        heads: Heads | None = None,
        poses: Poses | None = None,
    ) -> io.NodeOutput:
        from ...engines.checks import check_frames
        from ...engines.head.face_crops import one_face

        check_frames("image", image)
        faces = _faces(image, heads, poses, area)
        face = one_face(faces, "poses" if heads is None else "heads", choose, person)
        outputs = _cropped(image, face)
        shown = Shown(
            _text(face), warnings=_warnings(face, heads), picture=partial(of_images, outputs[0])
        )
        return io.NodeOutput(*outputs, ui=shown)


def _faces(image: Tensor, heads: Heads | None, poses: Poses | None, area: float) -> FaceBoxes:
    """Return the faces of whichever is connected. Raises `InputError` unless exactly one is, and
    for those of other frames."""
    from ...engines.head.crop_boxes import boxes_of_heads, boxes_of_poses

    if heads is not None and poses is None:
        heads.need_frames("heads", image)
        return boxes_of_heads(heads, area)
    if poses is not None and heads is None:
        poses.need_frames("poses", image)
        return boxes_of_poses(poses, area)
    raise InputError(
        f"heads, poses: expected one of them, found {'neither' if heads is None else 'both'}; "
        f"{'connect' if heads is None else 'disconnect'} one"
    )


def _cropped(image: Tensor, face: OneFace) -> Outputs:
    from ...engines.detections.bounding_boxes import to_bounding_boxes
    from ...engines.head.face_crops import box_masks, face_crops

    device = host.image_device()
    crops = face_crops(image, face.boxes, progress=host.progress(len(image)))
    mask = box_masks(face.boxes, (image.shape[1], image.shape[2]))
    return crops.to(device), to_bounding_boxes(face.detections, "face"), mask.to(device)


def _text(face: OneFace) -> str:
    """Return whose face it is, in how many frames it is seen, and how large it is."""
    sides = (face.boxes[:, 2:] - face.boxes[:, :2]).round().long()
    (least_wide, least_high), (most_wide, most_high) = sides.amin(0), sides.amax(0)
    return (
        f"{face.who}, seen in {int(face.seen.sum())} of {len(face)} frames; boxes of "
        f"{least_wide}x{least_high} to {most_wide}x{most_high} px"
    )


def _warnings(face: OneFace, heads: Heads | None) -> list[str]:
    from ...engines.head.face_crops import gaps_in_words

    lines = gaps_in_words(face)
    high = float((face.boxes[:, 3] - face.boxes[:, 1]).median())
    if high < _SMALL:
        lines.append(
            f"the face is small: the crops enlarge {high:.0f} px to 512; use footage in which it "
            "is larger, or Upscale Images before this node"
        )
    if heads is not None and not heads.landmarks.shape[2]:
        lines.append("heads: they have no landmarks; the crops follow from their boxes")
    return lines
