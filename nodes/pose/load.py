"""Load Poses: poses from a file instead of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.words import counted
from ..api import host, io
from ..inputs import last_change
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..widgets import file_input
from . import CATEGORY
from .outputs import pose_outputs, pose_values

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.pose.poses import Poses


class _Step(Step):
    """Gives the file's poses of the frames that come."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._poses: Poses | None = None
        self._left_out: list[str] = []
        self._at = 0

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        from ...engines.pose.files import read_poses
        from ...engines.pose.poses import Poses

        image: Tensor = inputs["image"]
        start, self._at = self._at, self._at + len(image)
        canvas = (image.shape[1], image.shape[2])
        if self._poses is None:
            path = host.input_path(inputs["file"].strip())
            self._poses = read_poses(path, canvas=canvas, warn=self._left_out.append)
        poses = self._poses
        here = poses.slice(start, self._at)
        if more := len(image) - len(here):
            people = poses.scores.shape[1]
            empty = Poses.empty(more, poses.canvas, people=people, skeleton=poses.skeleton)
            here = Poses.cat([here, empty])
        text = _in_words(self._at, poses.slice(0, self._at), canvas)
        self.text = Shown(text, warnings=self._left_out).value
        return pose_values(here)

    def finish(self, inputs: Mapping[str, Any]) -> None:
        from ...engines.pose.files import read_poses

        if self._poses is not None and len(self._poses) > self._at:
            path = host.input_path(inputs["file"].strip())
            read_poses(  # says what is wrong
                path, canvas=self._poses.canvas, frames=self._at, warn=self._left_out.append
            )

    @property
    def state(self) -> Any:
        return self._at

    @state.setter
    def state(self, value: Any) -> None:
        self._at = value


class LoadPoses(io.ComfyNode):
    STREAMING = Rule("long", ("image",), step=_Step)
    ORDER = 310

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadPoses",
            display_name="Load Poses",
            category=CATEGORY,
            **found_by("load openpose json, import keypoints, coco json"),
            description="Reads poses from a file instead of running a network: POSE_KEYPOINT (also "
            "of animals and of older OpenPose editors), an OpenPose folder, COCO results, "
            "predictions, or safetensors. The format is detected automatically.",
            inputs=[
                file_input(),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The frames, for files that do not contain their number and size.",
                ),
            ],
            outputs=pose_outputs(),
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_change(file)

    @classmethod
    def execute(cls, file: str, image: Tensor | None = None) -> io.NodeOutput:
        from ...engines.checks import check_frames
        from ...engines.pose.files import read_poses

        canvas = frames = None
        if image is not None:
            check_frames("image", image)
            frames, canvas = image.shape[0], (image.shape[1], image.shape[2])
        left_out: list[str] = []
        path = host.input_path(file.strip())
        poses = read_poses(path, canvas=canvas, frames=frames, warn=left_out.append)
        text = _in_words(len(poses), poses, canvas)
        return io.NodeOutput(*pose_values(poses), ui=Shown(text, warnings=left_out))


def _in_words(frames: int, poses: Poses, canvas: tuple[int, int] | None) -> str:
    """Return what was loaded, and a warning if the file's canvas is not that of the frames."""
    text = f"{counted(frames, 'frame')}, {counted(int(poses.count.sum()), 'pose')}"
    if canvas is not None and poses.canvas != canvas:
        high, wide = poses.canvas
        text += f"\nWarning: the file says {wide}x{high}, image is {canvas[1]}x{canvas[0]}"
    return text
