"""Load Head Model File: takes the user's own network for heads."""

from typing import Any

from ...engines.errors import InputError
from ...engines.models.families import own_names
from .. import advanced
from ..api import io
from ..inputs import last_model_change
from ..models import family_input, model_of_file, model_output
from ..search import found_by
from ..streaming import ONCE
from ..widgets import model_file_input
from . import CATEGORY


class LoadHeadFile(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 510

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadHeadFile",
            display_name="Load Head Model File",
            category=CATEGORY,
            **found_by("img2pose, 6drepnet, sixdrepnet, head pose onnx, custom head pose model"),
            description="Loads a network for heads of your own. A file that does not match its "
            "family is rejected with what was expected and what was found.",
            inputs=[
                family_input(
                    own_names("head"),
                    "img2pose: finds heads and how they are turned in whole frames. "
                    "sixdrepnet (6DRepNet): how the head in a crop is turned, most exact for large "
                    "angles; faces are found first. Neither gives points of the face.",
                ),
                model_file_input("the .onnx file (6DRepNet: also .pth or .safetensors)"),
                advanced.Float.Input(
                    "box_scale",
                    default=1.0,
                    min=0.01,
                    max=100.0,
                    step=0.0001,
                    tooltip="img2pose alone: what the boxes of the file are multiplied by to be in "
                    "pixels of its input. 1: they are. Detect Heads says if that cannot be so.",
                ),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_model_change(file)

    @classmethod
    def execute(cls, family: str, file: str, box_scale: float) -> io.NodeOutput:
        from ...engines.models.families import family_of
        from ...engines.runtime.network import network_of

        model = model_of_file(family, file)
        if box_scale != 1:
            if "box_scale" not in family_of(model).options:
                raise InputError(f"box_scale: {family} gives no boxes; set it to 1")
            model = model.with_options(box_scale=box_scale)
        network_of(model)  # refuses what does not fit
        return io.NodeOutput(model)
