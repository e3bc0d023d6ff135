"""Load Flow Model: chooses a network for optical flow."""

from ..api import io
from ..models import model_input, model_named, model_output
from ..search import found_by
from ..streaming import ONCE
from . import CATEGORY
from .network_inputs import both_ways_input, updates_input, warm_start_input


class LoadFlowModel(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 120

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadFlowModel",
            display_name="Load Flow Model",
            category=CATEGORY,
            **found_by("raft, neuflow, sea raft, optical flow model"),
            description="Selects a network for optical flow. kinograph_flow_s is included; the "
            "weights of others are downloaded once and checked against their SHA-256.",
            inputs=[
                model_input(
                    "flow",
                    "kinograph_flow_s: included, as fast as raft_small, trained on synthetic "
                    "pairs for a few minutes only. raft_small: fast. raft_large: more accurate, "
                    "about five times the work. v1 are the weights of the paper's authors "
                    "(raft_large_v1 is what VACE's annotator runs), v2 are torchvision's own, "
                    "slightly better. neuflow_v2: newer and lighter than raft_large.",
                    default="raft_small_v2",
                ),
                updates_input(),
                both_ways_input(),
                warm_start_input(),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def execute(cls, model: str, updates: int, both_ways: bool, warm_start: bool) -> io.NodeOutput:
        from ...engines.runtime.network import network_of

        found = model_named(model)
        found = found.with_options(updates=updates, both=both_ways, warm=warm_start)
        network_of(found)  # refuses settings that the network does not have
        return io.NodeOutput(found)
