"""Detect Poses: finds people and their joints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ..api import host, io
from ..search import found_by
from ..streaming import Look, Outputs, Rule, Step
from ..types import KinoEngine
from . import CATEGORY
from .outputs import detected, keypoint_threshold_input, pose_outputs

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.runtime.engine import Engine


class _Step(Step):
    """Chooses a size that is left at 0 once, for all chunks."""

    _size = 0

    def looks_at(self, inputs: Mapping[str, Any]) -> Look | None:
        from ...engines.pose.size import chooses_by_frames, looked_at

        if inputs.get("detection_size") != 0 or "engine" not in inputs:
            return None
        return Look("image", looked_at) if chooses_by_frames(inputs["engine"]) else None

    def look(self, inputs: Mapping[str, Any]) -> None:
        from ...engines.pose.size import detection_size

        host.ready(inputs["engine"])
        self._size = detection_size(inputs["image"], inputs["engine"])

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        from ...engines.detections.detect import letterbox_for

        image, engine = inputs["image"], inputs["engine"]
        letterbox = letterbox_for(engine, (image.shape[1], image.shape[2]), self._chosen(inputs))
        return count - count % int(engine.batch_for(*letterbox.target))

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        return self._execute({**inputs, "detection_size": self._chosen(inputs)})

    def _chosen(self, inputs: Mapping[str, Any]) -> int:
        """Return the size asked for, or that of the whole clip, chosen now if nobody has yet."""
        if not inputs["detection_size"] and not self._size:
            self.look(inputs)
        return inputs["detection_size"] or self._size

    @property
    def state(self) -> Any:
        return self._size

    @state.setter
    def state(self, value: Any) -> None:
        self._size = value or 0


class DetectPoses(io.ComfyNode):
    STREAMING = Rule("frames", ("image",), step=_Step)
    ORDER = 40

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDetectPoses",
            display_name="Detect Poses",
            category=CATEGORY,
            **found_by(
                "dwpose, openpose, pose estimation, skeleton, keypoints, controlnet preprocessor, "
                "yolo nas pose, mediapipe"
            ),
            description="Detects the people in every frame and their joints. Frames are "
            "letterboxed, never stretched, and go through the network in batches.",
            inputs=[
                io.Image.Input("image", tooltip="Frames of any size."),
                KinoEngine.Input("engine", tooltip="From Build Engine, with a pose model."),
                io.Float.Input(
                    "score_threshold",
                    default=0.2,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="People below this confidence are dropped. Lower it if people are "
                    "missed; raise it if objects are mistaken for people.",
                ),
                keypoint_threshold_input(),
                io.Int.Input(
                    "max_people",
                    default=6,
                    min=1,
                    max=64,
                    step=1,
                    tooltip="Maximum number of people per frame, most confident first. MoveNet "
                    "detects at most 6.",
                ),
                io.Int.Input(
                    "detection_size",
                    default=0,
                    min=0,
                    max=4096,
                    step=32,
                    tooltip="Longer side of the network's input in pixels, a multiple of 32. 0: "
                    "chosen by the size of the people, from 256 for close-ups to 512. Larger "
                    "values find smaller people and are slower. Models with a fixed input size "
                    "only accept that size.",
                ),
                io.Boolean.Input(
                    "second_pass",
                    default=False,
                    optional=True,
                    tooltip="Detects the joints again in a crop around each person. This places "
                    "them more accurately, above all for small people, and costs one small extra "
                    "pass per person.",
                ),
            ],
            outputs=pose_outputs(),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        engine: Engine,
        score_threshold: float,
        keypoint_threshold: float,
        max_people: int,
        detection_size: int,
        second_pass: bool = False,
    ) -> io.NodeOutput:
        from ...engines.pose.detect import detect_poses

        host.ready(engine)
        poses = detect_poses(
            image,
            engine,
            size=detection_size,
            score_threshold=score_threshold,
            keypoint_threshold=keypoint_threshold,
            max_people=max_people,
            second_pass=second_pass,
            progress=host.progress(image.shape[0]),
        )
        return detected(image, poses, _ignored(engine, detection_size, max_people))


def _ignored(engine: Engine, detection_size: int, max_people: int) -> list[str]:
    """Return warnings of settings that the network does not support."""
    from ...engines.pose.family import whole_frame

    network, found = engine.network, []
    if network.fixed is not None and detection_size not in (0, max(network.fixed)):
        high, wide = network.fixed
        found.append(
            f"detection_size: {engine.model.name} takes {wide}x{high} alone; {detection_size} is "
            "not used. Set 0, or choose another model"
        )
    most = whole_frame(engine.model).most
    if max_people > most:
        found.append(
            f"max_people: {engine.model.name} detects at most "
            f"{counted(most, 'person', 'people')}, {max_people} are requested"
        )
    return found
