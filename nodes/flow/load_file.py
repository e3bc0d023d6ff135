"""Load Flow Model File: takes the user's own weights."""

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
                io.Combo.Input(
                    "family",
                    options=own_names("flow"),
                    default="raft_small",
                    tooltip="The network that the file belongs to.",
                ),
                model_file_input("the file (.pth or .safetensors)"),
                updates_input(),
                both_ways_input(),
                warm_start_input(),
            ],
            outputs=[KinoModel.Output(display_name="model", tooltip="For Build Engine.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> float:
        return last_model_change(file)

    @classmethod
    def execute(
        cls, family: str, file: str, updates: int, both_ways: bool, warm_start: bool
    ) -> io.NodeOutput:
        from ...engines.runtime.network import network_of

        model = resolve(f"{family}:{file.strip()}", folder=host.models_folder())
        model = model.with_options(updates=updates, both=both_ways, warm=warm_start)
        network_of(model)
        return io.NodeOutput(model)
