"""Load Pose Model: chooses a pose network of the registry."""

from ...engines.models.registry import registry, resolve
from ..api import host, io
from ..search import found_by
from ..streaming import ONCE
from ..types import KinoModel
from ..widgets import licence_input
from . import CATEGORY


class LoadPoseModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 10

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = [entry.name for entry in registry().values() if entry.task == "pose"]
        return io.Schema(
            node_id="KinographLoadPoseModel",
            display_name="Load Pose Model",
            category=CATEGORY,
            **found_by(
                "dwpose, openpose, yolo nas pose, movenet, rtmpose, rtmo, vitpose, pose estimator"
            ),
            description="Selects a pose network. Its file is checked against its SHA-256.",
            inputs=[
                io.Combo.Input(
                    "model",
                    options=names,
                    default=names[0],
                    tooltip="movenet_multipose is included: up to 6 people, 17 joints, Apache-2.0. "
                    "Other models are downloaded once from the Hugging Face Hub.",
                ),
                licence_input(),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def execute(cls, model: str, accept_licence: bool = False) -> io.NodeOutput:
        found = resolve(
            model, folder=host.models_folder(), accept=accept_licence, progress=host.downloading
        )
        return io.NodeOutput(found)
