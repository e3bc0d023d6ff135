"""Nodes between poses and keypoints of other packs and files."""

from typing import Any

from torch import Tensor

from ...engines.checks import check_frames
from ...engines.errors import InputError
from ...engines.pose.files import FORMS, read_poses, write_poses
from ...engines.pose.files.pose_keypoint import (
    from_pose_keypoint,
    to_bounding_boxes,
    to_pose_keypoint,
)
from ...engines.pose.poses import Poses
from ..api import host, io
from ..inputs import last_change
from ..search import found_by
from ..show import Shown
from ..types import BoundingBox, KinoPoses, PoseKeypoint


class PosesToKeypoints(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographPosesToKeypoints",
            display_name="Poses to Keypoints",
            category="Kinograph/pose",
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


class PosesFromKeypoints(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographPosesFromKeypoints",
            display_name="Poses from Keypoints",
            category="Kinograph/pose",
            **found_by("pose_keypoint, openpose json, dwpose, openpose editor, convert pose"),
            description="Takes the keypoints of other packs: DWPose, OpenPose editors and others "
            "that give POSE_KEYPOINT.",
            inputs=[
                PoseKeypoint.Input("pose_keypoint", tooltip="From another pack, or an editor."),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=16384,
                    step=1,
                    tooltip="Of the frames, for keypoints that do not say. 0: as they say.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=16384,
                    step=1,
                    tooltip="Of the frames, for keypoints that do not say. 0: as they say.",
                ),
            ],
            outputs=[KinoPoses.Output(display_name="poses", tooltip="For Kinograph's nodes.")],
        )

    @classmethod
    def execute(cls, pose_keypoint: Any, width: int, height: int) -> io.NodeOutput:
        if bool(width) != bool(height):
            raise InputError(
                f"width, height: expected both, or neither, found {width} and {height}"
            )
        canvas = (height, width) if width and height else None
        return io.NodeOutput(from_pose_keypoint(pose_keypoint, canvas=canvas))


class LoadPoses(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadPoses",
            display_name="Load Poses",
            category="Kinograph/pose",
            **found_by("load openpose json, import keypoints, coco json"),
            description="Poses from a file instead of a network: POSE_KEYPOINT, a folder of "
            "OpenPose, COCO results, predictions, or safetensors; which, it sees itself.",
            inputs=[
                io.String.Input(
                    "file", default="", tooltip="Name of a file or folder in the input folder."
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The frames, for files that do not say how many and how large they "
                    "are.",
                ),
            ],
            outputs=[
                KinoPoses.Output(display_name="poses", tooltip="For Kinograph's nodes."),
                PoseKeypoint.Output(
                    display_name="pose_keypoint", tooltip="OpenPose JSON, for other packs."
                ),
                BoundingBox.Output(
                    display_name="bounding_box", tooltip="Boxes of the people of each frame."
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_change(file)

    @classmethod
    def execute(cls, file: str, image: Tensor | None = None) -> io.NodeOutput:
        canvas = frames = None
        if image is not None:
            check_frames("image", image)
            frames, canvas = image.shape[0], (image.shape[1], image.shape[2])
        poses = read_poses(host.input_path(file.strip()), canvas=canvas, frames=frames)
        text = f"{len(poses)} frames, {int(poses.count.sum())} poses"
        if canvas is not None and poses.canvas != canvas:
            high, wide = poses.canvas
            text += f"\nWarning: the file says {wide}x{high}, image is {canvas[1]}x{canvas[0]}"
        return io.NodeOutput(
            poses, to_pose_keypoint(poses), to_bounding_boxes(poses), ui=Shown(text)
        )


_SUFFIXES = {"openpose": "", "safetensors": ".safetensors"}


class SavePoses(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSavePoses",
            display_name="Save Poses",
            category="Kinograph/pose",
            **found_by("save openpose json, export keypoints, coco json"),
            description="Writes poses to a file, or for OpenPose a folder, of the output folder.",
            is_output_node=True,
            inputs=[
                KinoPoses.Input("poses", tooltip="From any node that gives poses."),
                io.Combo.Input(
                    "form",
                    options=list(FORMS),
                    default="pose_keypoint",
                    tooltip="pose_keypoint: OpenPose JSON as packs exchange it. openpose: a folder "
                    "with a file a frame. coco: results for evaluation. predictions: images with "
                    "detections. safetensors: everything, exactly.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="kinograph/poses",
                    tooltip="Name of the file in the output folder; a number is added.",
                ),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, poses: Poses, form: str, filename_prefix: str) -> io.NodeOutput:
        path = host.save_path(filename_prefix, _SUFFIXES.get(form, ".json"), poses.canvas)
        write_poses(poses, path, form)
        return io.NodeOutput(ui=Shown(str(path)))
