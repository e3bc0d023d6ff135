"""Load Hand Model: chooses a network for hands of the registry."""

from ...engines.models.registry import registry, resolve
from ..api import host, io
from ..search import found_by
from ..streaming import ONCE
from ..types import KinoModel
from . import CATEGORY


class LoadHandModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 94

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = [entry.name for entry in registry().values() if entry.task == "hand"]
        return io.Schema(
            node_id="KinographLoadHandModel",
            display_name="Load Hand Model",
            category=CATEGORY,
            **found_by("mediapipe hands, hand landmarks, hand pose, fingers"),
            description="Selects a network for hands. Its file is checked against its SHA-256.",
            inputs=[
                io.Combo.Input(
                    "model",
                    options=names,
                    default=names[0],
                    tooltip="mediapipe_hand finds the 21 points of a hand. It is included, "
                    "Apache-2.0. Add Hands and Face uses it by itself; load it here to choose a "
                    "backend or a precision.",
                ),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def execute(cls, model: str) -> io.NodeOutput:
        return io.NodeOutput(resolve(model, folder=host.models_folder(), progress=host.downloading))
