"""RAFT with random weights, for tests of what does not depend on them."""

import hashlib
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torchvision.models.optical_flow import raft_small

from kinograph.engines.models.model import Model
from kinograph.engines.models.registry import resolve


def random_raft(folder: Path) -> Model:
    """Write RAFT small into a folder, always the same, so that tests share what is exported.

    Its network has one update, as each is the same layers again.
    """
    torch.manual_seed(0)
    path = folder / "raft_small.safetensors"
    save_file(raft_small(weights=None).state_dict(), path)
    entry = replace(
        resolve("movenet_multipose").entry,
        name="raft_small",
        family="raft_small",
        recommended_size=512,
    ).with_file(path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    return Model.of_file(entry, path).with_options(updates=1)
