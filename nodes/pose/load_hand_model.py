"""Load Hand Model: chooses a network for hands of the registry."""

from ..api import io
from ..models import model_input, model_named, model_output
from ..search import found_by
from ..streaming import ONCE
from . import CATEGORY


class LoadHandModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 94

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadHandModel",
            display_name="Load Hand Model",
            category=CATEGORY,
            **found_by("mediapipe hands, hand landmarks, hand pose, fingers"),
            description="Selects a network for hands. Its file is checked against its SHA-256.",
            inputs=[
                model_input(
                    "hand",
                    "mediapipe_hand finds the 21 points of a hand. It is included, "
                    "Apache-2.0. Add Hands and Face uses it by itself; load it here to choose a "
                    "backend or a precision.",
                ),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def execute(cls, model: str) -> io.NodeOutput:
        return io.NodeOutput(model_named(model))
