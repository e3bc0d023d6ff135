"""Bodies to Keypoints: the joints of bodies where they appear in the frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..api import io
from ..pose.outputs import pose_outputs, pose_values
from ..search import found_by
from ..streaming import Rule
from ..widgets import bodies_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies


class BodiesToKeypoints(io.ComfyNode):
    STREAMING = Rule("frames", ("bodies",))
    ORDER = 770

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographBodiesToKeypoints",
            display_name="Bodies to Keypoints",
            category=CATEGORY,
            **found_by("project 3d pose, 3d to 2d, pose_keypoint, openpose json, convert pose"),
            description="Projects the joints of bodies into the frames: as poses, to be drawn as "
            "skeletons, and for nodes of other packs.",
            inputs=[
                bodies_input("From Detect Bodies, Smooth Bodies or any other node with bodies.")
            ],
            outputs=pose_outputs(),
        )

    @classmethod
    def execute(cls, bodies: Bodies) -> io.NodeOutput:
        from ...engines.body.as_poses import as_poses

        return io.NodeOutput(*pose_values(as_poses(bodies)))
