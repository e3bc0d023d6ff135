"""Inputs and outputs that nodes of poses share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.pose.choices import TURNED
from ..api import io
from ..found import found_in_frames
from ..previews import of_poses
from ..show import Shown
from ..streaming import Outputs
from ..types import BoundingBox, KinoPoses, PoseKeypoint

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.pose.poses import Poses


def keypoint_threshold_input() -> Any:
    """Return the widget for the confidence from which a joint counts as seen."""
    return io.Float.Input(
        "keypoint_threshold",
        default=0.3,
        min=0.0,
        max=1.0,
        step=0.01,
        tooltip="Joints below this confidence count as not visible and are not drawn.",
    )


def turned_input() -> Any:
    """Return the widget for whether people are also looked for in turned frames."""
    return io.Combo.Input(
        "turned",
        options=list(TURNED),
        default="no",
        optional=True,
        tooltip="Whether people are also looked for in turned frames. upside_down: turned by 180°, "
        "twice the time. all: in quarter turns, four times the time.",
    )


def keypoint_outputs() -> list[Any]:
    """Return the outputs for other packs: keypoints and boxes."""
    return [
        PoseKeypoint.Output(
            display_name="pose_keypoint", tooltip="OpenPose JSON, for other packs."
        ),
        BoundingBox.Output(
            display_name="bounding_box", tooltip="The boxes of the people in each frame."
        ),
    ]


def pose_outputs() -> list[Any]:
    """Return the outputs for poses, and for the same poses as other packs take them."""
    poses = KinoPoses.Output(display_name="poses", tooltip="For Kinograph's nodes.")
    return [poses, *keypoint_outputs()]


def keypoint_values(poses: Poses) -> Outputs:
    """Return the values for `keypoint_outputs`."""
    from ...engines.detections.bounding_boxes import to_bounding_boxes
    from ...engines.pose.files.pose_keypoint import to_pose_keypoint

    return to_pose_keypoint(poses), to_bounding_boxes(poses, "person")


def pose_values(poses: Poses) -> Outputs:
    """Return the values for `pose_outputs`."""
    return poses, *keypoint_values(poses)


def detected(
    image: Tensor, poses: Poses, warnings: Sequence[str] = (), *, how: str = ""
) -> io.NodeOutput:
    """Return the values for `pose_outputs`, and show how many people were found in `image`
    [F,H,W,3].

    how: how the frames were looked at, a clause
    """
    text, nobody = found_in_frames(
        poses.count, found=("pose", "poses"), at_once=("person", "people"), nobody="nobody"
    )
    if how:
        text += f"; {how}"
    if nobody:
        text += "\nWarning: no people were detected; lower score_threshold, or raise detection_size"
    shown = Shown(text, warnings=warnings, picture=partial(of_poses, image, poses))
    return io.NodeOutput(*pose_values(poses), ui=shown)
