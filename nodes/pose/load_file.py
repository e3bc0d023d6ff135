"""Load Pose Model File: takes the user's own pose network."""

from typing import Any

from ...engines.models.families import own_names
from ...engines.models.registry import resolve
from ..api import host, io
from ..inputs import last_model_change
from ..search import found_by
from ..streaming import ONCE
from ..types import KinoModel
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
                io.Combo.Input(
                    "family",
                    options=own_names("pose"),
                    default="rtmo",
                    tooltip="The kind of network in the file; it determines how frames are "
                    "prepared and how the outputs are read.",
                ),
                model_file_input("the .onnx file (ViTPose: .safetensors)"),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_model_change(file)

    @classmethod
    def execute(cls, family: str, file: str) -> io.NodeOutput:
        from ...engines.runtime.network import network_of

        model = resolve(f"{family}:{file.strip()}", folder=host.models_folder())
        network_of(model)  # refuses what does not fit
        return io.NodeOutput(model)
