"""Files of upscaling networks: which family they belong to, read once until they change."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ..errors import ModelError
from ..models.model import Model
from ..models.once import once
from ..models.tensors import read_tensors

ONNX = "upscale_onnx"
ANY = "spandrel"
_COMPACT, _RRDB = "realesr_compact", "rrdbnet"


def is_compact(state: Mapping[str, Tensor]) -> bool:
    """Return whether these are a compact network's weights: convolutions, a PReLU after each."""
    first, slopes = state.get("body.0.weight"), state.get("body.1.weight")
    return first is not None and slopes is not None and (first.ndim, slopes.ndim) == (4, 1)


def is_rrdb(state: Mapping[str, Tensor]) -> bool:
    """Return whether these are the weights of an RRDBNet, under its present names or ESRGAN's."""
    return "body.0.rdb1.conv1.weight" in state or "model.1.sub.0.RDB1.conv1.0.weight" in state


@once
def family_of_file(path: Path) -> str:
    """Return the name of the family that a file belongs to.

    That is one of our own if its weights are known, else what reads every other architecture.
    Raises `ModelError` for a file that cannot be read.
    """
    if path.suffix == ".onnx":
        return ONNX
    state = read_tensors(path)
    if is_compact(state):
        return _COMPACT
    return _RRDB if is_rrdb(state) else ANY


def refuse(model: Model, title: str, state: Mapping[str, Tensor]) -> ModelError:
    """Return the error for a file of another architecture: what it is, and which family takes it.

    title: what was expected, with its article
    """
    names = ", ".join(list(state)[:2]) or "no tensors"
    other = _COMPACT if is_compact(state) else _RRDB if is_rrdb(state) else ANY
    return ModelError(
        f"{model.path.name}: expected the weights of {title}, found {len(state)} tensors ({names}, "
        f"...); choose the family {other}"
    )
