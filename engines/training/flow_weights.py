"""The weights of a trained flow network as a file of their own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from ..errors import ModelError
from ..files import atomic_write, sha256_of
from ..flow.families.raft import torchvisions
from ..models import checkpoint
from .flow import NETWORK

NAME = "kinograph_flow_s"
LICENCE = "Apache-2.0"
_SETTINGS = ("batch", "lr", "weight_decay", "clip", "ema", "amp", "seed", "schedule", "decay")


@dataclass(frozen=True)
class Written:
    """A file of weights.

    sha256: of the file; bytes: its size
    recipe: what the weights came from, as in its metadata
    """

    path: Path
    sha256: str
    bytes: int
    recipe: Mapping[str, Any]

    @property
    def entry(self) -> str:
        """What models.yaml says of a package that holds the file."""
        return (
            f"{NAME}:\n"
            "  title: Kinograph flow, small (embedded)\n"
            "  task: flow\n"
            f"  family: {NETWORK}\n"
            f"  licence: {LICENCE}\n"
            "  source: trained by kinograph train flow, see docs/flow-training.md\n"
            f"  file: {self.path.name}\n"
            f"  bytes: {self.bytes}\n"
            f"  sha256: {self.sha256}\n"
            "  recommended_size: 640\n"
        )


def write_flow_weights(source: Path, path: Path) -> Written:
    """Write the averaged weights of a checkpoint of `kinograph train flow` in fp16, as safetensors
    with torchvision's names, which every RAFT small here reads.

    The file's metadata hold the recipe and the licence. Raises `ModelError` for a checkpoint of
    another network or without averaged weights, and for weights too large for fp16; `MediaError` if
    the file cannot be written.
    """
    content = checkpoint.load(source)
    name = str(source)
    config = checkpoint.member(content, "config", dict, name)
    network = config.get("network")
    if not isinstance(network, dict) or network.get("name") != NETWORK:
        raise ModelError(
            f"{source}: expected a checkpoint of kinograph train flow, found one of another network"
        )
    weights = checkpoint.member(content, "average", dict, name)
    with torch.device("meta"):
        expected = torchvisions(large=False)
    checkpoint.check_weights(expected, weights, name)
    halves = {key: value.half().contiguous() for key, value in weights.items()}
    if large := [key for key, value in halves.items() if not bool(value.isfinite().all())]:
        raise ModelError(f"{source}: {large[0]}: expected weights below 65504, which fp16 holds")
    settings = checkpoint.member(content, "settings", dict, name)
    recipe = {
        **config,
        "steps": checkpoint.member(content, "step", int, name),
        "pairs": checkpoint.member(content, "seen", int, name),
        "settings": {key: settings[key] for key in _SETTINGS if key in settings},
    }
    metadata = {
        "format": "pt",
        "name": NAME,
        "licence": LICENCE,
        "recipe": json.dumps(recipe, sort_keys=True),
    }
    with atomic_write(path) as aside:
        aside.write_bytes(save(halves, metadata))
    return Written(path, sha256_of(path), path.stat().st_size, recipe)
