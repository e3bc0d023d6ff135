"""What carries over from chunk to chunk, as a file: JSON and tensors, nothing that could run.

A safetensors file whose metadata holds the structure as JSON: plain values as they are, everything
else as an object with a single key that names its kind. Only classes registered with
`engines.sequence.state_type` are written and read. Tensors return to the device they were on.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...engines.errors import GraphError, InputError
from ...engines.files import check_regular
from ...engines.sequence import state_types

_ROOT = __name__.rsplit(".", 3)[0]  # of the package
_ENGINES = re.compile(r"engines(\.[a-z_]+)+")


def save_state(value: Any, path: Path) -> None:
    """Write a state straight to `path`. Raises `TypeError` for a value that no state may hold."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_packed(value, tensors))
    save_file(tensors, path, {"state": text, "sha256": checksum(text, tensors)})


def checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of what a state file holds, by which a flipped bit is found."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        flat: Any = tensors[name].reshape(-1).contiguous().view(torch.uint8).numpy()
        digest.update(flat)
    return digest.hexdigest()


def load_state(path: Path) -> Any:
    """Return the state in a file.

    Raises `GraphError` for a file that is damaged, was written by something else, or holds tensors
    of a device that cannot take them.
    """
    try:
        check_regular(path)
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            text = about["state"]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if about["sha256"] != checksum(text, tensors):
            raise ValueError("its checksum differs")
        return _unpacked(json.loads(text), tensors)
    except _ElsewhereError as error:
        raise GraphError(
            f"{path}: {error}; run it where it was started, make room there, or start over with "
            "--restart"
        ) from error
    except _DAMAGE as error:
        raise GraphError(
            f"{path}: is not a state of a run, or is damaged ({error}); start over with --restart"
        ) from error


_DAMAGE = (
    ArithmeticError,  # a fraction of zero, a number that is too large
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
    InputError,  # fields that do not fit together
)


class _ElsewhereError(Exception):
    """A tensor's device cannot take it."""


def _placed(tensor: Tensor, device: str) -> Tensor:
    try:
        return tensor.to(device)
    except (RuntimeError, AssertionError) as error:  # the latter of a PyTorch without CUDA
        reason = str(error).partition("\n")[0]  # CUDA adds lines of advice
        raise _ElsewhereError(f"its tensors do not go to {device} now ({reason})") from error


def _inside(module: str) -> str:
    """Return the name of a module of ours below the package, "" for any other."""
    return module.removeprefix(f"{_ROOT}.") if module.startswith(f"{_ROOT}.") else ""


def _packed(value: Any, tensors: dict[str, Tensor]) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, Tensor | np.ndarray | np.generic):
        name = f"t{len(tensors)}"
        is_tensor = isinstance(value, Tensor)
        tensor = value if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
        # a slice would be written with all that it was cut from
        tensors[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": [name, str(tensor.device)]} if is_tensor else {"array": name}
    if isinstance(value, tuple):
        return {"tuple": [_packed(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_packed(item, tensors) for item in value]
    if isinstance(value, Mapping):
        pairs = [[_packed(k, tensors), _packed(v, tensors)] for k, v in value.items()]
        return {"mapping": pairs}
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, Path):
        return {"path": str(value)}
    for name, class_ in state_types().items():
        if type(value) is class_:
            inner = {f.name: _packed(getattr(value, f.name), tensors) for f in fields(value)}
            return {"class": [name, inner, _inside(class_.__module__)]}
    raise TypeError(f"a state cannot hold a {type(value).__name__}")


def _unpacked(raw: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(raw, list):
        return [_unpacked(item, tensors) for item in raw]
    if not isinstance(raw, dict):
        return raw
    ((kind, held),) = raw.items()
    if kind == "float":
        return float(held)
    if kind == "tensor":
        return _placed(tensors[held[0]], held[1])
    if kind == "array":
        array = tensors[held].numpy()
        return array if array.ndim else array[()]
    if kind == "tuple":
        return tuple(_unpacked(item, tensors) for item in held)
    if kind == "mapping":
        return {_unpacked(k, tensors): _unpacked(v, tensors) for k, v in held}
    if kind == "range":
        return range(*held)
    if kind == "fraction":
        return Fraction(*held)
    if kind == "path":
        return Path(held)
    if kind == "class":
        name, inner, module = held
        if name not in state_types() and _ENGINES.fullmatch(module):
            with suppress(ModuleNotFoundError):
                import_module(f"{_ROOT}.{module}")  # nodes import what they need when they run
        if name not in state_types():
            raise ValueError(f"unknown class {name!r}")
        return state_types()[name](**{k: _unpacked(v, tensors) for k, v in inner.items()})
    raise ValueError(f"unknown kind {kind!r}")
