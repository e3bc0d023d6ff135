"""Load Upscale Model: chooses an upscaling network of the registry."""

from ...engines.models.registry import registry, resolve
from ..api import host, io
from ..search import found_by
from ..streaming import ONCE
from ..types import KinoModel
from . import CATEGORY


class LoadUpscaleModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 400

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = [entry.name for entry in registry().values() if entry.task == "upscale"]
        return io.Schema(
            node_id="KinographLoadUpscaleModel",
            display_name="Load Upscale Model",
            category=CATEGORY,
            **found_by("real-esrgan, esrgan, upscaler, super resolution, upscale tensorrt"),
            description="Selects an upscaling network. Its file is checked against its SHA-256.",
            inputs=[
                io.Combo.Input(
                    "model",
                    options=names,
                    default=names[0],
                    tooltip="realesr_animevideov3_x4 is included: small, fast and steady in "
                    "videos. realesrgan_x4plus and x2plus: photographs, about 30 times the work. "
                    "realesrgan_x4plus_anime_6b: drawings. Others than the included one are "
                    "downloaded once.",
                ),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def execute(cls, model: str) -> io.NodeOutput:
        return io.NodeOutput(resolve(model, folder=host.models_folder(), progress=host.downloading))
