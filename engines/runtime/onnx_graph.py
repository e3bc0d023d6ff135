"""ONNX files made by others: reading their interface, and giving them ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import ModelError

INPUT = "images"
_OURS = "kinograph_feed_"  # prefix of the nodes that `adapted` adds, which stay in fp32
_THEIRS = "graph/"  # prefix of all names of the file itself


@dataclass(frozen=True)
class InputAdapter:
    """How an ONNX graph made by others is fed and read.

    input:     name of its image input
    kind:      type of its input: "float", "float16" or "uint8"
    outputs:   our name of an output -> the graph's
    scale:     factor from RGB in 0..1 to the graph's range, before mean and std
    mean, std: per channel in the graph's order and range; () = none
    bgr:       whether the graph's channels are in the order blue, green, red
    """

    input: str
    kind: str
    outputs: Mapping[str, str]
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    bgr: bool = False

    @property
    def key(self) -> str:
        """What the adapted graph depends on, as part of a cache key."""
        values = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
        return f"Feed({values})"  # the class's former name: cached engines stay valid


@dataclass(frozen=True)
class Socket:
    """An input or output of a graph: its name, type and shape, -1 for a free size."""

    name: str
    kind: str
    shape: tuple[int, ...]

    def fits(self, shape: Sequence[int]) -> bool:
        """Return whether it can have `shape`, in which -1 stands for any size."""
        sizes = zip(self.shape, shape, strict=False)
        return len(self.shape) == len(shape) and all(a == b or min(a, b) < 0 for a, b in sizes)

    def __str__(self) -> str:
        sizes = ",".join("?" if size < 0 else str(size) for size in self.shape)
        return f"{self.name} {self.kind} [{sizes}]"


def read_sockets(path: Path) -> tuple[list[Socket], list[Socket]]:
    """Return the inputs and outputs of an ONNX file, without reading its weights.

    Raises `ModelError` for a file that is not ONNX, and if the package `onnx` is missing.
    """
    graph = read_onnx(path, weights=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [_socket(value) for value in graph.input if value.name not in weights]
    return inputs, [_socket(value) for value in graph.output]


def read_onnx(path: Path, *, weights: bool) -> Any:
    """Return the model of an ONNX file. Raises `ModelError` as `read_sockets` does."""
    try:
        import onnx
    except ImportError as error:
        raise ModelError(
            f"{path.name}: reading ONNX files needs onnx, which is not installed; "
            "run: pip install onnx onnxruntime"
        ) from error
    try:
        model = onnx.load(str(path), load_external_data=weights)
    except Exception as error:  # protobuf's and the file system's
        raise ModelError(f"{path}: cannot be read as ONNX ({error})") from error
    if not model.graph.node:
        raise ModelError(f"{path}: cannot be read as ONNX (it holds no graph)")
    return model


def adapted(model: Any, adapter: InputAdapter) -> Any:
    """Return the model with an input `images` float [N,3,H,W], RGB in 0..1, and our output names.

    Outputs of float16 become float32.
    """
    from onnx import TensorProto, compose, helper

    graph = model.graph
    compose.add_prefix_graph(graph, _THEIRS, inplace=True)  # its names may equal ours
    (old,) = [value for value in graph.input if value.name == _THEIRS + adapter.input]
    dims = [d.dim_param or d.dim_value or None for d in old.type.tensor_type.shape.dim]
    graph.input.remove(old)
    graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, dims))
    nodes: list[Any] = []
    at = INPUT

    def then(operator: str, constant: Sequence[float] | None = None, **attributes: Any) -> None:
        nonlocal at
        name = f"{_OURS}{len(nodes)}"
        inputs = [at]
        if constant is not None:
            whole = operator == "Gather"
            kind = TensorProto.INT64 if whole else TensorProto.FLOAT
            shape = [len(constant)] if whole else [1, len(constant), 1, 1]
            graph.initializer.append(helper.make_tensor(f"{name}_by", kind, shape, constant))
            inputs.append(f"{name}_by")
        nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        at = name

    if adapter.bgr:
        then("Gather", [2, 1, 0], axis=1)
    if adapter.scale != 1:
        then("Mul", [adapter.scale])
    if adapter.mean:
        then("Sub", adapter.mean)
    if adapter.std:
        then("Div", adapter.std)
    if adapter.kind == "uint8":
        then("Round")
        then("Cast", to=TensorProto.UINT8)
    elif adapter.kind == "float16":
        then("Cast", to=TensorProto.FLOAT16)
    nodes.append(helper.make_node("Identity", [at], [old.name], name=f"{_OURS}{len(nodes)}"))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    values = {value.name: value for value in graph.output}
    del graph.output[:]
    for ours, theirs in adapter.outputs.items():
        value = values[_THEIRS + theirs]
        kind = value.type.tensor_type
        half = kind.elem_type == TensorProto.FLOAT16
        operator = "Cast" if half else "Identity"
        how: dict[str, Any] = {"to": TensorProto.FLOAT} if half else {}
        name = f"{_OURS}{ours}"
        graph.node.append(helper.make_node(operator, [value.name], [ours], name=name, **how))
        value.name = ours
        kind.elem_type = TensorProto.FLOAT if half else kind.elem_type
        graph.output.append(value)
    return model


def stays_fp32(model: Any) -> list[str]:
    """Return the names of the nodes that `adapted` added."""
    return [node.name for node in model.graph.node if node.name.startswith(_OURS)]


def one_input(inputs: Sequence[Socket], what: str, path: Path) -> Socket:
    """Return the only input, images [N,3,H,W].

    Raises `ModelError` if the inputs of `path`, a file of the family `what`, are others.
    """
    fits = (
        len(inputs) == 1
        and len(inputs[0].shape) == 4
        and inputs[0].shape[1] in (3, -1)
        and inputs[0].kind in ("float", "float16", "uint8")
    )
    if not fits:
        refuse(what, path, "one input, images [N,3,H,W] of float, float16 or uint8", inputs)
    return inputs[0]


def refuse(what: str, path: Path, expected: str, found: Sequence[Socket]) -> None:
    """Raise `ModelError` for a file that does not fit the contract of the family `what`."""
    there = "; ".join(map(str, found)) or "nothing"
    raise ModelError(f"{path.name} is not a {what} network: expected {expected}, found {there}")


def _socket(value: Any) -> Socket:
    from onnx import TensorProto

    tensor = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim)
    return Socket(value.name, TensorProto.DataType.Name(tensor.elem_type).lower(), shape)
