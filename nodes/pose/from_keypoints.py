"""Poses from Keypoints: takes the keypoints of other packs."""

from typing import Any

from ...engines.errors import InputError
from ...engines.words import counted
from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, always
from ..types import KinoPoses, PoseKeypoint
from ..widgets import side_input
from . import CATEGORY


class PosesFromKeypoints(io.ComfyNode):
    STREAMING = Rule(
        "whole",
        ("pose_keypoint",),
        whole=always(
            "whether they are whole bodies is seen from all of them", "load them with Load Poses"
        ),
    )
    ORDER = 300

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographPosesFromKeypoints",
            display_name="Poses from Keypoints",
            category=CATEGORY,
            **found_by("pose_keypoint, openpose json, dwpose, openpose editor, convert pose"),
            description="Reads the keypoints of other packs: DWPose, OpenPose editors and others "
            "that output POSE_KEYPOINT.",
            inputs=[
                PoseKeypoint.Input("pose_keypoint", tooltip="From another pack or an editor."),
                side_input(
                    "width",
                    "Size of the frames, for keypoints that do not contain it. 0: as stored in "
                    "them.",
                ),
                side_input(
                    "height",
                    "Size of the frames, for keypoints that do not contain it. 0: as stored in "
                    "them.",
                ),
            ],
            outputs=[KinoPoses.Output(display_name="poses", tooltip="For Kinograph's nodes.")],
        )

    @classmethod
    def execute(cls, pose_keypoint: Any, width: int, height: int) -> io.NodeOutput:
        from ...engines.pose.files.pose_keypoint import from_pose_keypoint

        if bool(width) != bool(height):
            raise InputError(
                f"width, height: expected both, or neither, found {width} and {height}"
            )
        canvas = (height, width) if width and height else None
        left_out: list[str] = []
        poses = from_pose_keypoint(pose_keypoint, canvas=canvas, warn=left_out.append)
        frames, people = counted(len(poses), "frame"), counted(int(poses.count.sum()), "pose")
        return io.NodeOutput(poses, ui=Shown(f"{frames}, {people}", warnings=left_out))
