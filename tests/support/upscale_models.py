"""Models of upscalers, from files that tests write."""

import hashlib
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from kinograph.engines.models.registry import Model, own


def saved(module: nn.Module, family: str, folder: Path) -> Model:
    """Return the model of a file with a module's weights."""
    path = folder / f"{family}.safetensors"
    state = {name: value.clone() for name, value in module.state_dict().items()}
    save_file(state, path)
    return model_of(path, family)


def model_of(path: Path, family: str) -> Model:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Model.of_file(own(family, path.name).with_file(path.name, sha256=digest), path)
