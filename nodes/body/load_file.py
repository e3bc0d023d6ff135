"""Load Body Model File: takes the user's own network for bodies, and SMPL."""

from typing import Any

from ...engines.models.families import own_names
from ...engines.words import counted
from ..api import host, io
from ..inputs import last_model_change
from ..models import family_input, model_of_file, model_output
from ..search import found_by
from ..show import Shown
from ..streaming import ONCE
from ..widgets import model_file_input
from . import CATEGORY


class LoadBodyFile(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 705

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadBodyFile",
            display_name="Load Body Model File",
            category=CATEGORY,
            **found_by(
                "poco, cliff, poco cliff, smpl, remi, instanthmr, sam 3d body onnx, custom body "
                "model, human mesh recovery checkpoint"
            ),
            description="Loads a network for bodies of your own, with your SMPL model if there is "
            "one. A file that does not match its family is rejected with what was expected and "
            "what was found.",
            inputs=[
                family_input(
                    own_names("body"),
                    "poco_cliff (POCO-CLIFF): the pose and shape of SMPL, and how sure each joint "
                    "is. instanthmr (InstantHMR): points of each body, by which the included "
                    "mannequin is posed.",
                ),
                model_file_input(
                    "the file (poco_cliff: .pt, .pth, .ckpt or .safetensors; instanthmr: .onnx)"
                ),
                io.String.Input(
                    "smpl",
                    default="",
                    optional=True,
                    tooltip="poco_cliff alone: name of the file of your SMPL model, .npz or .pkl, "
                    "in the same folder; no code in it is executed. Empty: the included mannequin "
                    "takes the pose, and the shape is not used.",
                ),
            ],
            outputs=[model_output()],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "", smpl: str = "", **values: Any) -> tuple[float, ...]:
        return last_model_change(file), last_model_change(smpl)

    @classmethod
    def execute(cls, family: str, file: str, smpl: str = "") -> io.NodeOutput:
        from ...engines.body.smpl.own import rig_of, with_smpl
        from ...engines.runtime.network import network_of

        model = model_of_file(family, file)
        network_of(model)  # refuses what does not fit
        if not smpl.strip():
            return io.NodeOutput(model)
        model = with_smpl(model, smpl.strip(), host.models_folder())
        rig = rig_of(model)
        text = f"SMPL with {len(rig.template):,} vertices and {counted(len(rig.shapes), 'shape')}"
        return io.NodeOutput(model, ui=Shown(f"{text}, called {rig.name} in files of bodies"))
