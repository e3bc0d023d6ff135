"""Checkpoints: files of tensors and plain values that are complete or absent, and run no code."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError, ModelError
from ..files import atomic_write, open_regular
from ..words import enumerated

KIND, VERSION = "kinograph-checkpoint", 1
_LARGEST = 2**34  # bytes
_BROKEN = (
    *(AttributeError, EOFError, IndexError, KeyError, RuntimeError, TypeError, ValueError),
    *(OSError, UnpicklingError, zipfile.BadZipFile),
)


def save(content: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint over the one that is there.

    It is on the disk before it takes the name, so that neither a full disk nor a power cut costs
    the one before. Raises `MediaError` if it cannot be written.
    """
    memory = io.BytesIO()
    torch.save({"kind": KIND, "version": VERSION, **content}, memory)
    with atomic_write(path, durable=True) as aside:
        aside.write_bytes(memory.getbuffer())


def load(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, on the CPU, without running code from it.

    Raises `ModelError` for what is no checkpoint of this version, and for a damaged one.
    """
    try:
        with open_regular(path, _LARGEST) as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: expected a checkpoint, found no file") from error
    except _BROKEN as error:
        why = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise ModelError(
            f"{path}: expected a checkpoint, found a file that is none or is damaged ({why[0]})"
        ) from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise ModelError(f"{path}: expected a checkpoint of Kinograph, found another file of torch")
    if content.get("version") != VERSION:
        raise ModelError(
            f"{path}: expected a checkpoint of version {VERSION}, found {content.get('version')}"
        )
    return content


def member(content: Mapping[str, Any], name: str, kind: type, source: str) -> Any:
    """Return a member of a checkpoint. Raises `ModelError` if it is missing or of another type."""
    value = content.get(name)
    if not isinstance(value, kind):
        raise ModelError(
            f"{source}: {name}: expected a {kind.__name__}, found {type(value).__name__}"
        )
    return value


def load_weights(module: nn.Module, weights: Mapping[str, Any], source: str) -> None:
    """Load weights that must fit exactly. Raises `ModelError` as `check_weights` does."""
    check_weights(module, weights, source)
    module.load_state_dict(dict(weights))


def check_weights(module: nn.Module, weights: Mapping[str, Any], source: str) -> None:
    """Check weights that must fit a module exactly, which may be on PyTorch's device `meta`.

    Raises `ModelError` that names what is missing, what is too many, and what has another shape,
    another type or numbers that are not finite.
    """
    wanted = module.state_dict()
    problems = []
    if missing := sorted(wanted.keys() - weights.keys()):
        problems.append(f"missing: {enumerated(missing)}")
    if extra := sorted(map(str, weights.keys() - wanted.keys())):
        problems.append(f"unknown: {enumerated(extra)}")
    for name in sorted(wanted.keys() & weights.keys()):
        value = weights[name]
        if not isinstance(value, Tensor):
            problems.append(f"{name}: expected a tensor, found a {type(value).__name__}")
        elif value.shape != wanted[name].shape or value.dtype != wanted[name].dtype:
            problems.append(
                f"{name}: expected {wanted[name].dtype} {list(wanted[name].shape)}, found "
                f"{value.dtype} {list(value.shape)}"
            )
        elif not bool(value.isfinite().all()):
            problems.append(f"{name}: found NaN or infinity")
    if problems:
        raise ModelError(f"{source}: the weights do not fit: {'; '.join(problems[:10])}")


def check_json(value: Any, name: str) -> Any:
    """Return `value`. Raises `InputError` for what a checkpoint cannot hold safely."""
    if isinstance(value, Mapping):
        return {str(key): check_json(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [check_json(item, f"{name}[]") for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"{name}: expected plain values, found a {type(value).__name__}")
