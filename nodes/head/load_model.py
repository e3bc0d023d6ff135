"""Load Head Model: chooses a network for faces of the registry."""

from ...engines.models.registry import registry, resolve
from ..api import host, io
from ..search import found_by
from ..streaming import ONCE
from ..types import KinoModel
from . import CATEGORY


class LoadHeadModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 500

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = [entry.name for entry in registry().values() if entry.task == "head"]
        return io.Schema(
            node_id="KinographLoadHeadModel",
            display_name="Load Head Model",
            category=CATEGORY,
            **found_by("mediapipe face, face mesh, face landmarks, head pose, face detector"),
            description="Selects a network for faces. Its file is checked against its SHA-256.",
            inputs=[
                io.Combo.Input(
                    "model",
                    options=names,
                    default=names[0],
                    tooltip="mediapipe_face finds the 468 points of a face, and with them how the "
                    "head is turned. mediapipe_face_detector finds the faces; Detect Heads has it "
                    "already, and takes another engine of it for more speed. Both are included, "
                    "Apache-2.0.",
                ),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def execute(cls, model: str) -> io.NodeOutput:
        return io.NodeOutput(resolve(model, folder=host.models_folder(), progress=host.downloading))
