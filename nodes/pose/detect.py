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
from .outputs import detected, keypoint_threshold_input, pose_outputs, turned_input

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.detections.detect import Looks
    from ...engines.runtime.engine import Engine


class _Step(Step):
    """Chooses once, for all chunks, how to look at the frames."""

    _looks: Looks | None = None

    def looks_at(self, inputs: Mapping[str, Any]) -> Look | None:
        from ...engines.pose.size import chooses_by_frames, looked_at

        if inputs.get("detection_size") != 0 or "engine" not in inputs:
            return None
        return Look("image", looked_at) if chooses_by_frames(inputs["engine"]) else None

    def look(self, inputs: Mapping[str, Any]) -> None:
        host.ready(inputs["engine"])
        self._looks = _chosen(inputs["image"], inputs)

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        image = inputs["image"]
        at_once = self._chosen(inputs).frames_at_once(inputs["engine"], image.shape[1:3])
        return count - count % at_once

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        chosen = self._chosen(inputs)
        return self._execute({**inputs, "detection_size": chosen.size, "tiles": chosen.tiles})

    def _chosen(self, inputs: Mapping[str, Any]) -> Looks:
        """Return how to look at the whole clip, chosen now unless it has been chosen before."""
        if self._looks is None:
            self.look(inputs)
        assert self._looks is not None
        return self._looks

    @property
    def state(self) -> Any:
        return self._looks

    @state.setter
    def state(self, value: Any) -> None:
        self._looks = value


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
                    "chosen by the size of the people, from 256 for close-ups to 1024 for small "
                    "people in large frames. Larger values find smaller people and are slower. "
                    "Models with a fixed input size only accept that size.",
                ),
                io.Boolean.Input(
                    "second_pass",
                    default=False,
                    optional=True,
                    tooltip="Detects the joints again in a crop around each person. This places "
                    "them more accurately, above all for small people, and costs one small extra "
                    "pass per person.",
                ),
                io.Int.Input(
                    "tiles",
                    default=0,
                    min=0,
                    max=8,
                    step=1,
                    optional=True,
                    tooltip="For crowds: the number of overlapping tiles along the longer side in "
                    "which people are also looked for, each with the limit of the model. 1: none. "
                    "0: chosen if detection_size is 0; tiles are used if there are more people "
                    "than the model detects at once, or they are too small.",
                ),
                turned_input(),
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
        tiles: int = 0,
        turned: str = "no",
    ) -> io.NodeOutput:
        from ...engines.pose.detect import detect_poses
        from ...engines.pose.size import looks_for

        host.ready(engine)
        looks = looks_for(
            image, engine, size=detection_size, tiles=tiles, turned=turned, most=max_people
        )
        poses = detect_poses(
            image,
            engine,
            looks=looks,
            score_threshold=score_threshold,
            keypoint_threshold=keypoint_threshold,
            max_people=max_people,
            second_pass=second_pass,
            progress=host.progress(image.shape[0]),
        )
        views = len(looks.views((image.shape[1], image.shape[2])))
        how = f"each frame in {views} views at {looks.size} px" if views > 1 else ""
        warnings = _ignored(engine, detection_size, max_people, views)
        return detected(image, poses, warnings, how=how)


def _chosen(image: Tensor, inputs: Mapping[str, Any]) -> Looks:
    """Return how to look at the frames of a clip, of which `image` holds a few."""
    from ...engines.pose.size import looks_for

    return looks_for(
        image,
        inputs["engine"],
        size=inputs["detection_size"],
        tiles=inputs.get("tiles", 0),
        turned=inputs.get("turned", "no"),
        most=inputs["max_people"],
    )


def _ignored(engine: Engine, detection_size: int, max_people: int, views: int) -> list[str]:
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
    if max_people > most and views == 1:
        found.append(
            f"max_people: {engine.model.name} detects at most "
            f"{counted(most, 'person', 'people')} at once, {max_people} are requested; for crowds, "
            "set tiles to 2 or more"
        )
    return found
