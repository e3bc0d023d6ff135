"""Load Upscale Model: chooses an upscaling network of the registry."""

from ..api import io
from ..models import model_input, model_named, model_output
from ..search import found_by
from ..streaming import ONCE
from . import CATEGORY


class LoadUpscaleModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 400

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadUpscaleModel",
            display_name="Load Upscale Model",
            category=CATEGORY,
            **found_by("real-esrgan, esrgan, upscaler, super resolution, upscale tensorrt"),
            description="Selects an upscaling network. Its file is checked against its SHA-256.",
            inputs=[
                model_input(
                    "upscale",
                    "realesr_animevideov3_x4 is included: small, fast and steady in "
                    "videos. realesrgan_x4plus and x2plus: photographs, about 30 times the work. "
                    "realesrgan_x4plus_anime_6b: drawings. Others than the included one are "
                    "downloaded once.",
                ),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def execute(cls, model: str) -> io.NodeOutput:
        return io.NodeOutput(model_named(model))
