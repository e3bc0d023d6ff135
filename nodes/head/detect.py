"""Detect Heads: finds faces, their points, and how the heads are turned."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.head.choices import FOV
from .. import advanced
from ..api import host, io
from ..found import found_in_frames
from ..previews import of_heads
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, Step
from ..types import KinoEngine, KinoPoses
from . import CATEGORY
from .outputs import FACE_LANDMARKS, head_outputs, head_values

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.head.heads import Heads
    from ...engines.pose.poses import Poses
    from ...engines.runtime.engine import Engine


class _Step(Step):
    """Looks at as many frames together as for the whole clip."""

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        from ...engines.head.find import frames_at_once

        image: Tensor = inputs["image"]
        together = frames_at_once(inputs["engine"], (image.shape[1], image.shape[2]))
        return count - count % together


class DetectHeads(io.ComfyNode):
    STREAMING = Rule(
        "frames",
        ("image", "poses"),
        step=_Step,
        never=(FACE_LANDMARKS,),
        anywhere=("image",),
    )
    ORDER = 520

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDetectHeads",
            display_name="Detect Heads",
            category=CATEGORY,
            **found_by(
                "face detection, face mesh, mediapipe face, face landmarks, head pose, yaw pitch "
                "roll, head tracking, img2pose"
            ),
            description="Finds every face, the points of it, and how the head is turned and where "
            "it is in space.",
            inputs=[
                io.Image.Input("image", tooltip="Frames of any size."),
                KinoEngine.Input(
                    "engine", tooltip="From Build Engine, with a model of Load Head Model."
                ),
                io.Float.Input(
                    "score_threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Faces of this confidence or less are dropped. Lower it if faces are "
                    "missed; img2pose is sure from 0.9.",
                ),
                io.Int.Input(
                    "max_heads",
                    default=8,
                    min=1,
                    max=64,
                    step=1,
                    tooltip="Maximum number of heads per frame, most confident first.",
                ),
                io.Int.Input(
                    "smallest_face",
                    default=0,
                    min=0,
                    max=4096,
                    step=1,
                    tooltip="Height in pixels of the smallest face to find: frames are looked at "
                    "in tiles where it takes them. 0: once as a whole, for faces of at least a "
                    "seventh of the longer side. Smaller values take longer.",
                ),
                io.Float.Input(
                    "fov",
                    default=FOV,
                    min=1.0,
                    max=170.0,
                    step=0.1,
                    tooltip="Vertical field of view of the camera in degrees, by which distances "
                    "and angles are computed. 63: a phone. img2pose assumes its own.",
                ),
                advanced.Boolean.Input(
                    "second_pass",
                    default=False,
                    tooltip="Finds the points again in a crop around those of the first pass: "
                    "steadier, for twice the time. Faces from poses always have it.",
                ),
                KinoEngine.Input(
                    "detector",
                    optional=True,
                    tooltip="From Build Engine, with mediapipe_face_detector: what finds the "
                    "faces. Not connected: the included one on the best backend, in PyTorch if "
                    "engine is.",
                ),
                KinoPoses.Input(
                    "poses",
                    optional=True,
                    tooltip="The people of the same frames, e.g. from Track Poses: faces are "
                    "looked at where their joints are, however small, and keep their tracks.",
                ),
                io.Boolean.Input(
                    "from_joints",
                    default=False,
                    optional=True,
                    tooltip="With poses: where the network sees no face, as in heads of 20 pixels, "
                    "the head is fitted to nose, eyes and ears, of which three must be seen. Such "
                    "heads are rough, and their score is no higher than score_threshold.",
                ),
            ],
            outputs=head_outputs(),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        engine: Engine,
        score_threshold: float,
        max_heads: int,
        smallest_face: int,
        fov: float,
        second_pass: bool,
        detector: Engine | None = None,
        poses: Poses | None = None,
        from_joints: bool = False,
    ) -> io.NodeOutput:
        from ...engines.head.find import find_heads, included_detector, needs_detector, unused

        host.ready(engine)
        included = detector is None and needs_detector(engine, poses)
        detector = included_detector(engine) if included else detector
        if detector is not None:
            host.ready(detector)
        heads = find_heads(
            image,
            engine,
            detector,
            poses=poses,
            fov=fov,
            score_threshold=score_threshold,
            max_heads=max_heads,
            smallest_face=smallest_face,
            second_pass=second_pass,
            from_joints=from_joints,
            progress=host.progress(image.shape[0]),
        )
        text = _text(heads, image, detector if included else None, poses is not None)
        if from_joints:
            text += _from_joints(heads, score_threshold)
        warnings = unused(
            engine,
            fov=fov,
            smallest_face=smallest_face,
            second_pass=second_pass,
            from_joints=from_joints,
        )
        shown = Shown(text, warnings=warnings, picture=partial(of_heads, image, heads))
        return io.NodeOutput(*head_values(heads), ui=shown)


def _text(heads: Heads, image: Tensor, included: Engine | None, seeded: bool) -> str:
    """Return what was found and how, in words."""
    text, nobody = found_in_frames(
        heads.count, found=("head", "heads"), at_once=("head", "heads"), nobody="none"
    )
    if included is not None:
        text += f"; faces by {included.model.name} in {included.backend} on {included.device}"
    if not heads.landmarks.shape[2]:
        text += "; this model gives no points of faces, so face_landmarks is empty"
    if nobody:
        cure = "lower score_threshold"
        if not seeded:
            high, wide = image.shape[1:3]
            cure += (
                f", or set smallest_face to the height of the faces in pixels (frames of "
                f"{wide}x{high})"
            )
        text += f"\nWarning: no heads were detected; {cure}"
    return text


def _from_joints(heads: Heads, score_threshold: float) -> str:
    """Return how many heads follow from joints: none that the network sees has so low a score."""
    rough = int((heads.present & (heads.scores <= score_threshold)).sum())
    return f"; {rough} of them by nose, eyes and ears"
