"""Detect Poses in Boxes: finds the joints of people whose boxes are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ..api import host, io
from ..search import found_by
from ..streaming import Rule
from ..types import LINK_ONLY, BoundingBox, KinoEngine, KinoPoses
from . import CATEGORY
from .outputs import detected, keypoint_threshold_input, pose_outputs, turned_input

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.pose.poses import Poses
    from ...engines.runtime.engine import Engine


class DetectPosesInBoxes(io.ComfyNode):
    STREAMING = Rule("frames", ("image", "people", "bounding_box"), one=("bounding_box",))
    ORDER = 50

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDetectPosesInBoxes",
            display_name="Detect Poses in Boxes",
            category=CATEGORY,
            **found_by("dwpose, rtmpose, vitpose, top down pose, whole body, hands and face, bbox"),
            description="Detects the joints of people whose boxes are known, with a top-down model "
            "(RTMPose, DWPose, ViTPose). The crops of all people of many frames form one batch.",
            inputs=[
                io.Image.Input("image", tooltip="The frames in which the people were detected."),
                KinoEngine.Input(
                    "engine", tooltip="From Build Engine, with a top-down pose model."
                ),
                keypoint_threshold_input(),
                KinoPoses.Input(
                    "people",
                    optional=True,
                    tooltip="People whose boxes are used, e.g. from Detect Poses or Track Poses; "
                    "their tracks are kept.",
                ),
                BoundingBox.Input(
                    "bounding_box",
                    optional=True,
                    extra_dict=LINK_ONLY,
                    tooltip="Boxes from any detector, per frame or the same for all; used if "
                    "people is not connected.",
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
        keypoint_threshold: float,
        people: Poses | None = None,
        bounding_box: Any = None,
        turned: str = "no",
    ) -> io.NodeOutput:
        from ...engines.detections.bounding_boxes import from_bounding_boxes
        from ...engines.pose.poses import Poses
        from ...engines.pose.top_down import poses_in_boxes

        if people is None:
            if bounding_box is None:
                raise InputError(
                    "people: expected poses or boxes that say where to look, found neither; "
                    "connect people or bounding_box"
                )
            canvas = (image.shape[1], image.shape[2])
            boxes = from_bounding_boxes(bounding_box, image.shape[0], canvas)
            people = Poses.from_detections(boxes)
        host.ready(engine)
        poses = poses_in_boxes(
            image,
            people,
            engine,
            keypoint_threshold=keypoint_threshold,
            turned=turned,
            progress=host.progress(image.shape[0]),
        )
        return detected(image, poses)
