"""Load Pose Model File: takes the user's own pose network."""

from typing import Any

from ...engines.models.families import own_names
from ..api import io
from ..inputs import last_model_change
from ..models import family_input, model_of_file, model_output
from ..search import found_by
from ..streaming import ONCE
from ..widgets import model_file_input
from . import CATEGORY


class LoadPoseFile(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 20

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadPoseFile",
            display_name="Load Pose Model File",
            category=CATEGORY,
            **found_by("onnx pose model, custom pose model, yolo nas pose, load onnx"),
            description="Loads a pose network of your own. A file that does not match its family "
            "is rejected with what was expected and what was found.",
            inputs=[
                family_input(
                    own_names("pose"),
                    "The kind of network in the file; it determines how frames are "
                    "prepared and how the outputs are read.",
                    default="rtmo",
                ),
                model_file_input("the .onnx file (ViTPose: .safetensors)"),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_model_change(file)

    @classmethod
    def execute(cls, family: str, file: str) -> io.NodeOutput:
        from ...engines.runtime.network import network_of

        model = model_of_file(family, file)
        network_of(model)  # refuses what does not fit
        return io.NodeOutput(model)
