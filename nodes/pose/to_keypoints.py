"""Poses to Keypoints: passes poses to nodes of other packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..api import io
from ..search import found_by
from ..streaming import Rule
from ..widgets import poses_input
from . import CATEGORY
from .outputs import keypoint_outputs, keypoint_values

if TYPE_CHECKING:
    from ...engines.pose.poses import Poses


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
            description="Passes poses to nodes of other packs, e.g. after tracking and smoothing.",
            inputs=[poses_input("From any node that outputs poses.")],
            outputs=keypoint_outputs(),
        )

    @classmethod
    def execute(cls, poses: Poses) -> io.NodeOutput:
        return io.NodeOutput(*keypoint_values(poses))
