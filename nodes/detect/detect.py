"""Detect Objects: finds objects with their boxes, poses in space and keypoints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import advanced
from ..api import host, io
from ..found import found_in_frames
from ..previews import of_objects
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, Step
from ..types import KinoEngine
from . import CATEGORY
from .outputs import detection_outputs, detection_values

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.detect.objects import Objects
    from ...engines.runtime.engine import Engine


class _Step(Step):
    """Gives the network whole batches of frames."""

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        from ...engines.detect.detect import frames_at_once

        return count - count % frames_at_once(inputs["engine"])


class DetectObjects(io.ComfyNode):
    STREAMING = Rule("frames", ("image",), step=_Step)
    ORDER = 710

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDetectObjects",
            display_name="Detect Objects",
            category=CATEGORY,
            **found_by("rt-detr, object detection, 6d pose, 6dof, bbox detector, keypoints"),
            description="Finds the objects that a detector was trained for: their boxes, where "
            "they are in space and how they are turned, and their keypoints.",
            inputs=[
                io.Image.Input("image", tooltip="Frames of any size."),
                KinoEngine.Input(
                    "engine",
                    tooltip="From Build Engine, with a model from Load RT-DETR Checkpoint.",
                ),
                io.Float.Input(
                    "score_threshold",
                    default=0.3,
                    min=0.0,
                    max=0.99,
                    step=0.01,
                    tooltip="Objects with at most this score are dropped. Lower it if objects are "
                    "missed.",
                ),
                io.String.Input(
                    "classes",
                    default="",
                    tooltip="Names of the classes that are looked for, with commas between. Empty: "
                    "all that the detector knows.",
                ),
                io.Int.Input(
                    "max_objects",
                    default=50,
                    min=1,
                    max=1000,
                    step=1,
                    tooltip="Maximum number of objects per frame, surest first. The detector has a "
                    "limit of its own.",
                ),
                io.Float.Input(
                    "keypoint_threshold",
                    default=0.3,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Keypoints below this confidence count as not visible. A detector "
                    "that was trained without keypoint scores gives them the object's score.",
                ),
                io.Float.Input(
                    "fov",
                    default=63.0,
                    min=0.0,
                    max=170.0,
                    step=0.1,
                    tooltip="Vertical field of view of the camera in degrees, from which places in "
                    "space are computed. 63: a phone. 0: not known, and no poses in space.",
                ),
                advanced.marked(
                    io.String.Input(
                        "intrinsics",
                        default="",
                        optional=True,
                        tooltip="The camera as four numbers, fx fy cx cy, in pixels of the frames, "
                        "instead of fov.",
                    )
                ),
            ],
            outputs=detection_outputs(),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        engine: Engine,
        score_threshold: float,
        classes: str,
        max_objects: int,
        keypoint_threshold: float,
        fov: float,
        intrinsics: str = "",
    ) -> io.NodeOutput:
        from ...engines.checks import check_frames
        from ...engines.detect.detect import detect_objects
        from ...engines.detect.lens import stated_camera

        check_frames("image", image)
        camera = stated_camera((image.shape[1], image.shape[2]), fov, intrinsics)
        host.ready(engine)
        objects = detect_objects(
            image,
            engine,
            camera=camera,
            score_threshold=score_threshold,
            keypoint_threshold=keypoint_threshold,
            most=max_objects,
            classes=classes,
            progress=host.progress(len(image)),
        )
        text, nothing = found_in_frames(
            objects.count,
            found=("object", "objects"),
            at_once=("object", "objects"),
            nobody="nothing",
        )
        if nothing:
            text += "\nWarning: no objects were detected; lower score_threshold"
        shown = Shown(
            text,
            warnings=_limits(objects, engine, max_objects),
            picture=partial(of_objects, image, objects),
        )
        return io.NodeOutput(*detection_values(objects), ui=shown)


def _limits(objects: Objects, engine: Engine, max_objects: int) -> list[str]:
    """Return a warning if a frame has as many objects as are looked for at most."""
    from ...engines.detect.family import object_family

    limit = object_family(engine.model).about(engine.model).most
    if int(objects.count.max()) < min(limit, max_objects):
        return []
    if limit <= max_objects:
        return [
            f"{engine.model.name} finds at most {limit} objects per frame, and a frame has so "
            "many; for more, train it with more queries"
        ]
    return [f"max_objects: a frame has {max_objects} objects or more; raise it to see the others"]
