"""Save Poses: writes poses to a file or a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.files import atomic_write
from ...engines.pose.choices import FORMATS
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Folder, GrowingFiles, Rule, Saves, Sink, Values
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


class _Safetensors(GrowingFiles):
    """Poses as safetensors, put together when all chunks are there, as only then it is known how
    many places a frame has."""

    def write(self, values: Values) -> None:
        from ...engines.pose.files.compact import SAFETENSORS

        self.growing(_CHUNKS).append(SAFETENSORS.as_chunk(values["poses"]))
        self.frame_count += len(values["poses"])

    def finish(self) -> tuple[Path, ...]:
        from ...engines.pose.files.compact import SAFETENSORS

        chunks = self.growing(_CHUNKS)
        chunks.size()
        with atomic_write(self.path, folder=self.parts) as aside:
            SAFETENSORS.join(chunks.path, aside)
        self.text = str(self.path)
        return (self.path,)


_CHUNKS = "chunks.part"


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
