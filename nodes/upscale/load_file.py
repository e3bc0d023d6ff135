"""Load Upscale Model File: takes the user's own upscaling network."""

from typing import Any

from ...engines.models.families import own_names
from ...engines.models.registry import resolve
from ..api import host, io
from ..inputs import last_model_change
from ..search import found_by
from ..show import Shown
from ..streaming import ONCE
from ..types import KinoModel
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
                io.Combo.Input(
                    "family",
                    options=[_AUTO, *own_names("upscale")],
                    default=_AUTO,
                    tooltip="The kind of network in the file. auto: as its contents say. spandrel: "
                    "any architecture that the package spandrel knows; it runs in PyTorch.",
                ),
                model_file_input("the file (.pth, .safetensors or .onnx)"),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_model_change(file)

    @classmethod
    def execute(cls, family: str, file: str) -> io.NodeOutput:
        from ...engines.runtime.network import network_of
        from ...engines.upscale.family import traits_of
        from ...engines.upscale.files import ANY, ONNX, family_of_file

        folder, name = host.models_folder(), file.strip()
        if family == _AUTO:
            family = ONNX if name.endswith(".onnx") else ANY
            family = family_of_file(resolve(f"{family}:{name}", folder=folder).path)
        model = resolve(f"{family}:{name}", folder=folder)
        network_of(model)  # refuses what does not fit
        traits = traits_of(model)
        return io.NodeOutput(model, ui=Shown(traits.note or f"{family}, {traits.scale}x"))
