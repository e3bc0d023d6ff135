"""Save Poses: writes poses to a file or a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.files import sync_file
from ...engines.pose.choices import FORMATS
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Folder, Rule, Saves, Sink, Values
from ..widgets import poses_input, prefix_input
from . import CATEGORY
from .json_list import JsonList

if TYPE_CHECKING:
    from ...engines.pose.poses import Poses


class _Results(JsonList):
    """COCO results, predictions or OpenPose JSON in one file."""

    def document(self, values: Values) -> tuple[Any, str]:
        from ...engines.pose.files.coco import to_coco
        from ...engines.pose.files.pose_keypoint import to_pose_keypoint
        from ...engines.pose.files.predictions import to_predictions

        poses: Poses = values["poses"]
        first = self.frame_count
        self.frame_count += len(poses)
        if self.format == "coco":
            return to_coco(poses, range(first, self.frame_count)), ""
        if self.format == "predictions":
            names = [f"frame_{f:06d}.png" for f in range(first, self.frame_count)]
            return to_predictions(poses, names), "predictions"
        return to_pose_keypoint(poses), ""


class _OpenPoseFolder(Folder):
    """A folder of OpenPose JSON, with one file per frame."""

    def write(self, values: Values) -> None:
        from ...engines.pose.files.openpose_folder import write_frames

        self.folder.mkdir(exist_ok=True)
        poses: Poses = values["poses"]
        self.unsynced += write_frames(poses, self.folder, self.path.name, self.frame_count)
        self.frame_count += len(poses)


class _Safetensors(Sink):
    """Poses as safetensors, whose tensors can be written only when all are there: a few kB per
    frame."""

    _files = 0

    def __init__(self, path: Path, format: str, carried: Mapping[str, str]):
        super().__init__(path, format, carried)
        self._waiting: list[Poses] = []

    def write(self, values: Values) -> None:
        self._waiting.append(values["poses"].to("cpu"))
        self.frame_count += len(values["poses"])

    def mark(self) -> dict[str, Any]:
        from ...engines.pose.poses import Poses
        from ..streaming.states import save_state

        if self._waiting:
            save_state(Poses.cat(self._waiting), self._part(self._files))
            sync_file(self._part(self._files))
            self._files, self._waiting = self._files + 1, []
        return {**super().mark(), "files": self._files}

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._files = mark["files"]

    def _part(self, number: int) -> Path:
        return self.parts / f"{number:06}.part"

    def finish(self) -> tuple[Path, ...]:
        from ...engines.pose.files import write_poses
        from ...engines.pose.poses import Poses
        from ..streaming.states import load_state

        self.mark()
        chunks = [load_state(self._part(number)) for number in range(self._files)]
        write_poses(Poses.cat(chunks), self.path, "safetensors")
        self.text = str(self.path)
        return (self.path,)


def _suffix(format: str) -> str:
    """Return the ending of what is saved in `format`; "" for a folder."""
    return {"openpose": "", "safetensors": ".safetensors"}.get(format, ".json")


def _sink(path: Path, format: str, carried: Mapping[str, str]) -> Sink:
    sinks: dict[str, type[Sink]] = {"openpose": _OpenPoseFolder, "safetensors": _Safetensors}
    return sinks.get(format, _Results)(path, format, carried)


class SavePoses(io.ComfyNode):
    STREAMING = Rule("sink", ("poses",), saves=Saves(_sink, suffix=_suffix, format_input="form"))
    ORDER = 320

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSavePoses",
            display_name="Save Poses",
            category=CATEGORY,
            **found_by("save openpose json, export keypoints, coco json"),
            description="Writes poses to the output folder: one file, or a folder for OpenPose.",
            is_output_node=True,
            inputs=[
                poses_input("From any node that outputs poses."),
                io.Combo.Input(
                    "form",
                    options=list(FORMATS),
                    default="pose_keypoint",
                    tooltip="pose_keypoint: OpenPose JSON as packs exchange it. openpose: a folder "
                    "with one file per frame. coco: results for evaluation. predictions: images "
                    "with detections. safetensors: everything, lossless.",
                ),
                prefix_input("kinograph/poses"),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, poses: Poses, form: str, filename_prefix: str) -> io.NodeOutput:
        from ...engines.pose.files import write_poses

        path = host.save_path(filename_prefix, _suffix(form), poses.canvas)
        write_poses(poses, path, form)
        return io.NodeOutput(ui=Shown(str(path)))
