"""Reading weights from a file and checking that they fit a network."""

import struct
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import ModelError
from ..files import check_regular

# Keys under which training frameworks nest the tensors of their checkpoints.
# Of weights and their running mean, the mean is the one to use.
_INSIDE = ("params_ema", "params", "state_dict", "model")
_DEEPEST = 3  # of these in one another

# What PyTorch and safetensors raise for damaged files; each kind of damage has its own.
_DAMAGE = (
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    SafetensorError,
    TypeError,
    UnpicklingError,
    ValueError,
    struct.error,
)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors or torch.save file, by name.

    No code in the file is executed. Raises `ModelError` for a file that cannot be read.
    """
    state: Any
    try:
        check_regular(path)
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise ModelError(f"{path}: cannot be read as weights: {error}") from error
    for _ in range(_DEEPEST):
        if isinstance(state, dict):
            inside = (state[name] for name in _INSIDE if isinstance(state.get(name), dict))
            state = next(inside, state)
    state = state if isinstance(state, dict) else {}
    return {
        name: value
        for name, value in state.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }


def fill(module: nn.Module, state: Mapping[str, Tensor], path: Path, title: str) -> None:
    """Load the weights read from `path` into `module`, which messages call `title`.

    Raises `ModelError` that names the first tensor that is missing, superfluous or of another
    shape.
    """
    expected = module.state_dict()

    def shape(tensors: Mapping[str, Tensor], name: str) -> str:
        return str(list(tensors[name].shape)) if name in tensors else "none"

    names = dict.fromkeys([*expected, *state])
    wrong = [name for name in names if shape(expected, name) != shape(state, name)]
    if wrong:
        name = wrong[0]
        more = f" (and {len(wrong) - 1} more tensors)" if wrong[1:] else ""
        raise ModelError(
            f"{path}: not the weights of {title}: {name}: expected {shape(expected, name)}, found "
            f"{shape(state, name)}{more}"
        )
    module.load_state_dict(state)
