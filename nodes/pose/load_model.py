"""Load Pose Model: chooses a pose network of the registry."""

from ..api import io
from ..models import model_input, model_named, model_output
from ..search import found_by
from ..streaming import ONCE
from ..widgets import licence_input
from . import CATEGORY


class LoadPoseModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 10

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadPoseModel",
            display_name="Load Pose Model",
            category=CATEGORY,
            **found_by(
                "dwpose, openpose, yolo nas pose, movenet, rtmpose, rtmo, vitpose, pose estimator"
            ),
            description="Selects a pose network. Its file is checked against its SHA-256.",
            inputs=[
                model_input(
                    "pose",
                    "movenet_multipose is included: up to 6 people, 17 joints, Apache-2.0. "
                    "Other models are downloaded once from the Hugging Face Hub.",
                ),
                licence_input(),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def execute(cls, model: str, accept_licence: bool = False) -> io.NodeOutput:
        found = model_named(model, accept=accept_licence)
        return io.NodeOutput(found)
