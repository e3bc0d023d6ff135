"""ONNX graphs of included networks, without their weights: nobody waits for an export of these.

`graphs/MODEL-PRECISION-WEIGHTS.onnx` is what `export_here` makes of a network, but for the weights,
which are the module's own and are put in by their names. WEIGHTS is the beginning of their SHA-256:
the exporter joins constants that are alike, so that a graph fits no others. The tests compare each
with its network, and write them again with --update-golden.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import EngineError
from ..models.model import Model
from .cache import plain
from .onnx_graph import read_onnx

FOLDER = Path(__file__).with_name("graphs")
_PLACE = "weights of the network"  # stands where ONNX names the file that holds a tensor
_SMALL = 64  # bytes of constants that stay in the graph


def graph_path(model: Model, precision: str) -> Path | None:
    """Return the file of a model's graph in a precision, or None if there is none."""
    path = FOLDER / graph_name(model, precision)
    return path if not model.options and path.is_file() else None


def graph_name(model: Model, precision: str) -> str:
    """Return what the file of a model's graph is called, whether or not there is one."""
    return f"{plain(model.name)}-{precision}-{model.entry.sha256[:12]}.onnx"


def graph_digest(model: Model, precision: str) -> str | None:
    """Return the SHA-256 of `graph_path`, or None if there is none."""
    path = graph_path(model, precision)
    return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def emptied(graph: bytes, weights: Mapping[str, Tensor]) -> bytes:
    """Return an exported graph without the weights of its network, and without remarks.

    weights: of the module that was exported, by name
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    for tensor in model.graph.initializer:
        value = weights.get(tensor.name)
        if len(tensor.raw_data) > _SMALL and value is not None and _bits(value) == tensor.raw_data:
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=_PLACE)
    del model.graph.value_info[:]
    for owner in (model, model.graph, *model.graph.node):
        owner.ClearField("doc_string")
        del owner.metadata_props[:]
    for value_info in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value_info.metadata_props[:]
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def filled(path: Path, weights: Mapping[str, Tensor]) -> bytes:
    """Return the graph of a file that `emptied` made, with the weights of a module in it.

    Raises `EngineError` if the module lacks one, or has it in another shape or type.
    """
    import onnx

    model: Any = read_onnx(path, weights=False)
    for tensor in model.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        value = weights.get(tensor.name)
        shape, kind = tuple(tensor.dims), onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        if value is None or (tuple(value.shape), value.numpy().dtype) != (shape, kind):
            found = "none" if value is None else f"{list(value.shape)} {value.dtype}"
            raise EngineError(
                f"{path.name}: expected a weight {tensor.name} {list(shape)} {kind}, found "
                f"{found}; write the file again: pytest tests/runtime/test_included_graphs.py "
                "--update-golden"
            )
        tensor.raw_data = _bits(value)
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT
    data: bytes = model.SerializeToString()
    return data


def _bits(value: Tensor) -> bytes:
    return value.detach().contiguous().view(torch.uint8).numpy().tobytes() if value.ndim else b""
