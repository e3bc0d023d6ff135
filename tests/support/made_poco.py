"""POCO-CLIFF checkpoints of random numbers, small ones and those of the published size."""

from pathlib import Path

import torch
from torch import Tensor, nn

from kinograph.engines.body.cliff.hrnet import Plan
from kinograph.engines.body.cliff.regressor import PocoCliff

SMALL = Plan(width=2, modules=(1, 1, 1), blocks=1, stem=4, wider=(2, 2, 4, 4), features=32)


def poco_weights(plan: Plan = SMALL, seed: int = 0) -> dict[str, Tensor]:
    """Return weights by which bodies stand upright and face the camera, more or less."""
    torch.manual_seed(seed)
    module = PocoCliff(plan)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)  # type: ignore[union-attr, operator]
            layer.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr, operator]
    state = {name: value.clone() for name, value in module.state_dict().items()}
    six = torch.tensor([1.0, 0, 0, 1, 0, 0]).repeat(24, 1)
    six[0] = torch.tensor([1.0, 0, 0, -1, 0, 0])
    state["head.init_pose"] = six.view(1, -1)
    state["head.init_cam"] = torch.tensor([[0.9, 0.0, 0.0]])
    return state


def saved_poco(folder: Path, state: dict[str, Tensor] | None = None) -> Path:
    """Return a checkpoint as it is published: with what is for training only, and with SMPL."""
    path = folder / "poco.pt"
    extra = {"flow_head.a": torch.zeros(2), "smpl.smpl.v_template": torch.zeros(4, 3)}
    torch.save((poco_weights() if state is None else state) | extra, path)
    return path
