"""Load Head Model: chooses a network for faces of the registry."""

from ..api import io
from ..models import model_input, model_named, model_output
from ..search import found_by
from ..streaming import ONCE
from . import CATEGORY


class LoadHeadModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 500

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadHeadModel",
            display_name="Load Head Model",
            category=CATEGORY,
            **found_by("mediapipe face, face mesh, face landmarks, head pose, face detector"),
            description="Selects a network for faces. Its file is checked against its SHA-256.",
            inputs=[
                model_input(
                    "head",
                    "mediapipe_face finds the 468 points of a face, and with them how the "
                    "head is turned. mediapipe_face_detector finds the faces; Detect Heads uses it "
                    "by itself; load it here to choose a backend or a precision. Both are "
                    "included, Apache-2.0.",
                ),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def execute(cls, model: str) -> io.NodeOutput:
        return io.NodeOutput(model_named(model))
