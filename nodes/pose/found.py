"""The outputs of nodes that find people."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from ...engines.pose.files.pose_keypoint import to_bounding_boxes, to_pose_keypoint
from ...engines.pose.poses import Poses
from ..api import io
from ..previews import of_poses
from ..show import Shown
from ..types import BoundingBox, KinoPoses, PoseKeypoint


def pose_outputs() -> tuple[Any, ...]:
    """Return the outputs that nodes have in common that give poses."""
    return (
        KinoPoses.Output(display_name="poses", tooltip="For Kinograph's nodes."),
        PoseKeypoint.Output(
            display_name="pose_keypoint", tooltip="OpenPose JSON, for other packs."
        ),
        BoundingBox.Output(
            display_name="bounding_box", tooltip="Boxes of the people of each frame."
        ),
    )


def found(image: Tensor, poses: Poses, warnings: Sequence[str] = ()) -> io.NodeOutput:
    """Return those outputs, and show how many people were found in `image` [F,H,W,3]."""
    frames, people, most = len(poses), int(poses.count.sum()), int(poses.count.max())
    nobody = int((poses.count == 0).sum())
    text = f"{frames} frames, {people} poses, at most {most} people at once"
    if nobody:
        text += f"; nobody in {nobody} frames"
    if nobody == frames:
        text += "\nWarning: nobody was found; lower score_threshold, or raise detection_size"
    shown = Shown(text, warnings=warnings, picture=partial(of_poses, image, poses))
    return io.NodeOutput(poses, to_pose_keypoint(poses), to_bounding_boxes(poses), ui=shown)
