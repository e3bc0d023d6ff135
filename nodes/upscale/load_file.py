"""Load Upscale Model File: takes the user's own upscaling network."""

from typing import Any

from ...engines.models.families import own_names
from ..api import io
from ..inputs import last_model_change
from ..models import family_input, model_of_file, model_output
from ..search import found_by
from ..show import Shown
from ..streaming import ONCE
from ..widgets import model_file_input
from . import CATEGORY

_AUTO = "auto"


class LoadUpscaleFile(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 410

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadUpscaleFile",
            display_name="Load Upscale Model File",
            category=CATEGORY,
            **found_by("4x ultrasharp, spandrel, load upscale model, onnx upscaler, swinir, pth"),
            description="Loads an upscaling network of your own. A file that does not match its "
            "family is rejected with what was expected and what was found.",
            inputs=[
                family_input(
                    [_AUTO, *own_names("upscale")],
                    "The kind of network in the file. auto: as its contents say. spandrel: "
                    "any architecture that the package spandrel knows; it runs in PyTorch.",
                ),
                model_file_input("the file (.pth, .safetensors or .onnx)"),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_model_change(file)

    @classmethod
    def execute(cls, family: str, file: str) -> io.NodeOutput:
        from ...engines.runtime.network import network_of
        from ...engines.upscale.family import traits_of
        from ...engines.upscale.files import ANY, ONNX, family_of_file

        if family == _AUTO:
            family = ONNX if file.strip().endswith(".onnx") else ANY
            family = family_of_file(model_of_file(family, file).path)
        model = model_of_file(family, file)
        network_of(model)  # refuses what does not fit
        traits = traits_of(model)
        return io.NodeOutput(model, ui=Shown(traits.note or f"{family}, {traits.scale}x"))
