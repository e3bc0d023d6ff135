"""Load Flow Model File: takes the user's own weights."""

from typing import Any

from ...engines.models.families import own_names
from ..api import io
from ..inputs import last_model_change
from ..models import family_input, model_of_file, model_output
from ..search import found_by
from ..streaming import ONCE
from ..widgets import model_file_input
from . import CATEGORY
from .network_inputs import both_ways_input, updates_input, warm_start_input


class LoadFlowFile(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 130

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadFlowFile",
            display_name="Load Flow Model File",
            category=CATEGORY,
            **found_by("raft weights, spynet, optical flow model, pth"),
            description="Loads weights of your own for an optical flow network.",
            inputs=[
                family_input(
                    own_names("flow"),
                    "The network that the file belongs to.",
                    default="raft_small",
                ),
                model_file_input("the file (.pth or .safetensors)"),
                updates_input(),
                both_ways_input(),
                warm_start_input(),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_model_change(file)

    @classmethod
    def execute(
        cls, family: str, file: str, updates: int, both_ways: bool, warm_start: bool
    ) -> io.NodeOutput:
        from ...engines.runtime.network import network_of

        model = model_of_file(family, file)
        model = model.with_options(updates=updates, both=both_ways, warm=warm_start)
        network_of(model)
        return io.NodeOutput(model)
