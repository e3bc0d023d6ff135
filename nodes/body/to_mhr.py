"""Bodies to MHR: passes bodies to ComfyUI's SAM 3D Body nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.words import counted
from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, always
from ..types import MhrPoseData
from ..widgets import bodies_input
from . import CATEGORY

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies


class BodiesToMhr(io.ComfyNode):
    STREAMING = Rule("whole", whole=always("hands on all frames in one value"))
    ORDER = 780

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographBodiesToMhr",
            display_name="Bodies to MHR",
            category=CATEGORY,
            **found_by("sam 3d body, mhr_pose_data, sam3dbody, convert body"),
            description="Passes bodies to ComfyUI's SAM 3D Body nodes, which draw them as meshes, "
            "silhouettes and skeletons. What needs the parameters of the MHR model, such as their "
            "export to BVH, is not there: use Save Motion.",
            inputs=[
                bodies_input("From Detect Bodies, Smooth Bodies or any other node with bodies.")
            ],
            outputs=[
                MhrPoseData.Output(
                    display_name="mhr_pose_data",
                    tooltip="Vertices, camera and 70 points of every body, for SAM 3D Body Render.",
                )
            ],
        )

    @classmethod
    def execute(cls, bodies: Bodies) -> io.NodeOutput:
        from ...engines.body.mhr_pose_data import to_mhr_pose_data

        made = to_mhr_pose_data(bodies)
        count = counted(int(bodies.count.sum()), "body", "bodies")
        return io.NodeOutput(made, ui=Shown(f"{count} in {counted(len(bodies), 'frame')}"))
