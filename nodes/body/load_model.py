"""Load Body Model: chooses a network for bodies of the registry."""

from ..api import io
from ..models import model_input, model_named, model_output
from ..search import found_by
from ..streaming import ONCE
from . import CATEGORY


class LoadBodyModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 700

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadBodyModel",
            display_name="Load Body Model",
            category=CATEGORY,
            **found_by(
                "blazepose, mediapipe pose, 3d pose, human mesh, smpl, sam 3d body, motion capture"
            ),
            description="Selects a network for bodies in 3D. Its file is checked against its "
            "SHA-256.",
            inputs=[
                model_input(
                    "body",
                    "blazepose finds 33 points of each body in the picture and in metres. "
                    "Included, Apache-2.0.",
                ),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def execute(cls, model: str) -> io.NodeOutput:
        return io.NodeOutput(model_named(model))
