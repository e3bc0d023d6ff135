"""Poses to Keypoints: gives poses to nodes of other packs."""

from ...engines.pose.files.pose_keypoint import (
    to_bounding_boxes,
    to_pose_keypoint,
)
from ...engines.pose.poses import Poses
from ..api import io
from ..search import found_by
from ..streaming import Rule
from ..types import BoundingBox, KinoPoses, PoseKeypoint
from . import CATEGORY


class PosesToKeypoints(io.ComfyNode):
    STREAMING = Rule("frames", ("poses",))
    ORDER = 290

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographPosesToKeypoints",
            display_name="Poses to Keypoints",
            category=CATEGORY,
            **found_by("pose_keypoint, openpose json, convert pose"),
            description="Gives poses to nodes of other packs, e.g. after tracking and smoothing.",
            inputs=[KinoPoses.Input("poses", tooltip="From any node that gives poses.")],
            outputs=[
                PoseKeypoint.Output(
                    display_name="pose_keypoint", tooltip="OpenPose JSON, for other packs."
                ),
                BoundingBox.Output(
                    display_name="bounding_box", tooltip="Boxes of the people of each frame."
                ),
            ],
        )

    @classmethod
    def execute(cls, poses: Poses) -> io.NodeOutput:
        return io.NodeOutput(to_pose_keypoint(poses), to_bounding_boxes(poses))
