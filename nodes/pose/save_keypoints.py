"""Save Keypoints: writes OpenPose JSON."""

from typing import Any

from ...engines.files import atomic_write
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, Saves, Values
from ..types import PoseKeypoint
from ..widgets import prefix_input
from . import CATEGORY
from .json_list import JsonList


class _Keypoints(JsonList):
    """The list of keypoints as they come."""

    def document(self, values: Values) -> tuple[Any, str]:
        rows = values["pose_keypoint"]
        self.frame_count += len(rows)
        return rows, ""


_SUFFIX = ".json"


class SaveKeypoints(io.ComfyNode):
    STREAMING = Rule("sink", ("pose_keypoint",), saves=Saves(_Keypoints, suffix=_SUFFIX))
    ORDER = 330

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSaveKeypoints",
            display_name="Save Keypoints",
            category=CATEGORY,
            **found_by("save openpose json, export keypoints, pose_keypoint"),
            description="Writes keypoints as OpenPose JSON: a list with one entry per frame.",
            is_output_node=True,
            inputs=[
                PoseKeypoint.Input("pose_keypoint", tooltip="From Detect Poses or another pack."),
                prefix_input("kinograph/keypoints"),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, pose_keypoint: list[dict[str, Any]], filename_prefix: str) -> io.NodeOutput:
        from ...engines.document import dump

        path = host.save_path(filename_prefix, _SUFFIX, _canvas(pose_keypoint))
        with atomic_write(path) as aside:
            dump(pose_keypoint, aside)
        return io.NodeOutput(ui=Shown(str(path)))


def _canvas(pose_keypoint: list[dict[str, Any]]) -> tuple[int, int]:
    """Height and width that the first frame states; 0 for what it does not."""
    first = pose_keypoint[0] if pose_keypoint else None
    height, width = (
        first.get(name) if isinstance(first, dict) else None
        for name in ("canvas_height", "canvas_width")
    )
    return (height if isinstance(height, int) else 0, width if isinstance(width, int) else 0)
