"""Nodes that find people and keep what was found."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from ...engines.errors import InputError
from ...engines.families import network_of
from ...engines.files import written_aside
from ...engines.models.registry import OWN_FAMILIES, registry, resolve
from ...engines.pose.boxes import from_bounding_boxes
from ...engines.pose.detect import detect_poses
from ...engines.pose.files.document import dump
from ...engines.pose.files.pose_keypoint import to_bounding_boxes, to_pose_keypoint
from ...engines.pose.poses import Poses
from ...engines.pose.top_down import poses_in_boxes
from ...engines.runtime.engine import Engine
from ..api import host, io
from ..inputs import last_model_change
from ..previews import of_poses
from ..search import found_by
from ..show import Shown
from ..types import LINK_ONLY, BoundingBox, KinoEngine, KinoModel, KinoPoses, PoseKeypoint


class LoadPoseModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = [entry.name for entry in registry().values() if entry.task == "pose"]
        return io.Schema(
            node_id="KinographLoadPoseModel",
            display_name="Load Pose Model",
            category="Kinograph/pose",
            **found_by(
                "dwpose, openpose, yolo nas pose, movenet, rtmpose, rtmo, vitpose, pose estimator"
            ),
            description="Chooses a pose network; its file is checked against its sha256.",
            inputs=[
                io.Combo.Input(
                    "model",
                    options=names,
                    default=names[0],
                    tooltip="movenet_multipose comes with the pack: up to 6 people, 17 joints, "
                    "Apache-2.0. What does not is fetched once from the Hugging Face Hub.",
                ),
                io.Boolean.Input(
                    "accept_licence",
                    default=False,
                    optional=True,
                    tooltip="Accepts the terms that the model's error message shows, for models "
                    "that have any. The embedded one has none.",
                ),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def execute(cls, model: str, accept_licence: bool = False) -> io.NodeOutput:
        found = resolve(
            model, folder=host.models_folder(), accept=accept_licence, progress=host.downloading
        )
        return io.NodeOutput(found)


class LoadPoseFile(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadPoseFile",
            display_name="Load Pose Model File",
            category="Kinograph/pose",
            **found_by("onnx pose model, custom pose model, yolo nas pose, load onnx"),
            description="Takes a pose network of your own; a file that does not fit its family is "
            "refused with what was expected and found.",
            inputs=[
                io.Combo.Input(
                    "family",
                    options=list(OWN_FAMILIES),
                    default="rtmo",
                    tooltip="What the file holds: how frames are prepared and its answers read.",
                ),
                io.String.Input(
                    "file",
                    default="",
                    tooltip="Name of the .onnx file (ViTPose: .safetensors) in the folder "
                    "kinograph of ComfyUI's models folder.",
                ),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_model_change(file)

    @classmethod
    def execute(cls, family: str, file: str) -> io.NodeOutput:
        model = resolve(f"{family}:{file.strip()}", folder=host.models_folder())
        network_of(model)  # refuses what does not fit
        return io.NodeOutput(model)


class DetectPoses(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDetectPoses",
            display_name="Detect Poses",
            category="Kinograph/pose",
            **found_by(
                "dwpose, openpose, pose estimation, skeleton, keypoints, controlnet preprocessor, "
                "yolo nas pose, mediapipe"
            ),
            description="Finds the people in every frame and their joints. Frames are "
            "letterboxed, never squashed, and go through the network in batches.",
            inputs=[
                io.Image.Input("image", tooltip="Frames of any size."),
                KinoEngine.Input("engine", tooltip="From Build Engine, of a pose model."),
                io.Float.Input(
                    "score_threshold",
                    default=0.2,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="People below this confidence are dropped. Lower it when people are "
                    "missed, raise it when things are taken for people.",
                ),
                io.Float.Input(
                    "keypoint_threshold",
                    default=0.3,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Joints below this confidence count as not seen and are not drawn.",
                ),
                io.Int.Input(
                    "max_people",
                    default=6,
                    min=1,
                    max=64,
                    step=1,
                    tooltip="Most people a frame, the surest first. MoveNet finds at most 6.",
                ),
                io.Int.Input(
                    "detection_size",
                    default=0,
                    min=0,
                    max=4096,
                    step=32,
                    tooltip="Longer side of the network's input in pixels, a multiple of 32. "
                    "0: by how large the people are, 256 for close-ups to 512. Larger finds "
                    "smaller people and is slower. Models that take one size only take that.",
                ),
                io.Boolean.Input(
                    "second_pass",
                    default=False,
                    optional=True,
                    tooltip="Finds the joints once more, in crops round the people: better placed, "
                    "above all for small people, for one more small pass a person.",
                ),
            ],
            outputs=list(_pose_outputs()),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        engine: Engine,
        score_threshold: float,
        keypoint_threshold: float,
        max_people: int,
        detection_size: int,
        second_pass: bool = False,
    ) -> io.NodeOutput:
        host.ready(engine)
        poses = detect_poses(
            image,
            engine,
            size=detection_size,
            score_threshold=score_threshold,
            keypoint_threshold=keypoint_threshold,
            max_people=max_people,
            second_pass=second_pass,
            progress=host.progress(image.shape[0]),
        )
        return _found(image, poses, _ignored(engine, detection_size, max_people))


class DetectPosesInBoxes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDetectPosesInBoxes",
            display_name="Detect Poses in Boxes",
            category="Kinograph/pose",
            **found_by("dwpose, rtmpose, vitpose, top down pose, whole body, hands and face, bbox"),
            description="Finds the joints of people whose boxes are known, with a top-down model "
            "(RTMPose, DWPose, ViTPose). Crops of all people of many frames make a batch.",
            inputs=[
                io.Image.Input("image", tooltip="The frames that the people were found in."),
                KinoEngine.Input("engine", tooltip="From Build Engine, of a top-down pose model."),
                io.Float.Input(
                    "keypoint_threshold",
                    default=0.3,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Joints below this confidence count as not seen and are not drawn.",
                ),
                KinoPoses.Input(
                    "people",
                    optional=True,
                    tooltip="Whose boxes to look in, e.g. from Detect Poses or Track Poses; their "
                    "tracks are kept.",
                ),
                BoundingBox.Input(
                    "bounding_box",
                    optional=True,
                    extra_dict=LINK_ONLY,
                    tooltip="The boxes, from any detector; used when people is not connected.",
                ),
            ],
            outputs=list(_pose_outputs()),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        engine: Engine,
        keypoint_threshold: float,
        people: Poses | None = None,
        bounding_box: Any = None,
    ) -> io.NodeOutput:
        if people is None:
            if bounding_box is None:
                raise InputError(
                    "people: expected poses or boxes that say where to look, found neither; "
                    "connect people or bounding_box"
                )
            canvas = (image.shape[1], image.shape[2])
            people = from_bounding_boxes(bounding_box, image.shape[0], canvas)
        host.ready(engine)
        poses = poses_in_boxes(
            image,
            people,
            engine,
            keypoint_threshold=keypoint_threshold,
            progress=host.progress(image.shape[0]),
        )
        return _found(image, poses)


def _pose_outputs() -> tuple[Any, ...]:
    return (
        KinoPoses.Output(display_name="poses", tooltip="For Kinograph's nodes."),
        PoseKeypoint.Output(
            display_name="pose_keypoint", tooltip="OpenPose JSON, for other packs."
        ),
        BoundingBox.Output(
            display_name="bounding_box", tooltip="Boxes of the people of each frame."
        ),
    )


def _ignored(engine: Engine, detection_size: int, max_people: int) -> list[str]:
    """What was asked for and the network does not do."""
    network, found = engine.network, []
    if network.fixed is not None and detection_size not in (0, max(network.fixed)):
        high, wide = network.fixed
        found.append(
            f"detection_size: {engine.model.name} takes {wide}x{high} alone; {detection_size} is "
            "not used. Set 0, or choose another model"
        )
    if max_people > network.max_people:
        found.append(
            f"max_people: {engine.model.name} finds at most {network.max_people} people, "
            f"{max_people} are asked for"
        )
    return found


def _found(image: Tensor, poses: Poses, warnings: Sequence[str] = ()) -> io.NodeOutput:
    frames, people, most = len(poses), int(poses.count.sum()), int(poses.count.max())
    nobody = int((poses.count == 0).sum())
    text = f"{frames} frames, {people} poses, at most {most} people at once"
    if nobody:
        text += f"; nobody in {nobody} frames"
    if nobody == frames:
        text += "\nWarning: nobody was found; lower score_threshold, or raise detection_size"
    shown = Shown(text, warnings=warnings, picture=partial(of_poses, image, poses))
    return io.NodeOutput(poses, to_pose_keypoint(poses), to_bounding_boxes(poses), ui=shown)


class SaveKeypoints(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographSaveKeypoints",
            display_name="Save Keypoints",
            category="Kinograph/pose",
            **found_by("save openpose json, export keypoints, pose_keypoint"),
            description="Writes keypoints as OpenPose JSON: a list with one entry a frame.",
            is_output_node=True,
            inputs=[
                PoseKeypoint.Input("pose_keypoint", tooltip="From Detect Poses or another pack."),
                io.String.Input(
                    "filename_prefix",
                    default="kinograph/keypoints",
                    tooltip="Name of the file in the output folder; a number is added.",
                ),
            ],
            outputs=[],
        )

    @classmethod
    def execute(cls, pose_keypoint: list[dict[str, Any]], filename_prefix: str) -> io.NodeOutput:
        path = host.save_path(filename_prefix, ".json", _canvas(pose_keypoint))
        with written_aside(path) as aside:
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
