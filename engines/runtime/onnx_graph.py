"""ONNX files made by others: reading their interface, and giving them ours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..files import check_regular, inside, read_regular

INPUT = "images"
_OURS = "kinograph_feed_"  # prefix of the nodes that `adapted` adds, which stay in fp32
_LARGEST = 2**31 - 1  # bytes of a model, which is a protobuf message
_FIRST = f"{_OURS}first_axis"
_THEIRS = "graph/"  # prefix of all names of the file itself
_LATER = {"single": False, "further": {}}  # fields that came later, and their defaults
_AXES_AS_INPUT = 13  # the version of ONNX's operators from which Squeeze takes its axes as an input


@dataclass(frozen=True)
class InputAdapter:
    """How an ONNX graph made by others is fed and read.

    input:     name of its image input
    kind:      type of its input: "float", "float16" or "uint8"
    outputs:   our name of an output -> the graph's
    scale:     factor from RGB in 0..1 to the graph's range, before mean and std
    mean, std: per channel in the graph's order and range; () = none
    bgr:       whether the graph's channels are in the order blue, green, red
    single:    whether the graph takes one image [3,H,W], and its outputs lack the axis of the batch
    further:   our name of a further input, float -> the graph's, float or float16
    """

    input: str
    kind: str
    outputs: Mapping[str, str]
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    bgr: bool = False
    single: bool = False
    further: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What the adapted graph depends on, as part of a cache key."""
        named = [(field.name, getattr(self, field.name)) for field in fields(self)]
        given = [(name, value) for name, value in named if _LATER.get(name, named) != value]
        values = ", ".join(f"{name}={value!r}" for name, value in given)
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
    """Return the model of an ONNX file.

    weights: whether to read weights that lie in other files, which must be regular files in the
             model's own folder

    Raises `ModelError` as `read_sockets` does.
    """
    try:
        import onnx
    except ImportError as error:
        raise ModelError(
            f"{path.name}: reading ONNX files needs onnx, which is not installed; "
            "run: pip install onnx onnxruntime"
        ) from error
    try:
        model = onnx.load_model_from_string(read_regular(path, _LARGEST))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # protobuf's, which share no narrower base
        raise ModelError(f"{path}: cannot be read as ONNX ({error})") from error
    if not model.graph.node:
        raise ModelError(f"{path}: cannot be read as ONNX (it holds no graph)")
    if weights:
        _read_weights(model, path)
    return model


def weight_files(model: Any, path: Path) -> list[Path]:
    """Return the files beside an ONNX file that hold weights of its model.

    Raises `ModelError` as `read_onnx` does with weights; nothing of these is read.
    """
    return sorted({file for _, file in _checked_places(model, path)})


def _read_weights(model: Any, path: Path) -> None:
    """Read the weights that lie in other files into the model. Raises as `_checked_places` does."""
    from onnx import TensorProto
    from onnx.external_data_helper import load_external_data_for_tensor

    for tensor, file in _checked_places(model, path):
        try:
            load_external_data_for_tensor(tensor, str(path.parent))
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"{file}: cannot be read as weights ({error})") from error
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _checked_places(model: Any, path: Path) -> list[tuple[Any, Path]]:
    """Return the tensors of a model that lie in other files, each with its file.

    Raises `ModelError` for a file outside the model's folder, one that is not regular, a place that
    is not in the file, and for more than fits into a model.
    """
    from onnx import TensorProto

    found = []
    total = 0
    for tensor in _tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        try:
            file, length = _place(tensor, path)
        except (OSError, ValueError) as error:
            words = (error.strerror if isinstance(error, OSError) else None) or error
            raise ModelError(f"{path}: the weights {tensor.name[:100]!r}: {words}") from error
        found.append((tensor, file))
        total += length
        if total > _LARGEST:
            raise ModelError(f"{path}: expected weights of at most {_LARGEST:,} bytes, found more")
    return found


def _place(tensor: Any, path: Path) -> tuple[Path, int]:
    """Return the file of a tensor, and how many of its bytes are the tensor's.

    Raises `OSError` or `ValueError` unless that is a regular file in the model's folder and the
    tensor is in it.
    """
    about = {entry.key: entry.value for entry in tensor.external_data}
    file = inside(path.parent, about.get("location", ""))
    if file.is_symlink() and file.resolve().parent != path.resolve().parent:
        raise ValueError(f"{file.name} is a link that leads out of the folder of the model")
    check_regular(file)
    size = file.stat().st_size
    offset = _whole(about, "offset", 0)
    length = _whole(about, "length", max(0, size - offset))
    if offset + length > size:
        raise ValueError(
            f"expected {length:,} bytes at {offset:,} of {file.name}, found {size:,} in all"
        )
    return file, length


def _whole(about: Mapping[str, str], key: str, default: int) -> int:
    text = about.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"{key}: expected a whole number from 0, found {text[:100]!r}")
    return int(text)


def _tensors(model: Any) -> Iterator[Any]:
    """Yield the tensors of a model: weights, those of attributes, and of graphs within."""
    graphs = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes += graph.node
            continue
        for attribute in nodes.pop().attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            graphs += [attribute.g] if attribute.HasField("g") else []
            graphs += attribute.graphs


def adapted(model: Any, adapter: InputAdapter) -> Any:
    """Return the model with an input `images` float [N,3,H,W], RGB in 0..1, and our names of its
    further inputs and its outputs.

    Inputs and outputs of float16 become float32.
    """
    from onnx import TensorProto, compose, helper

    graph = model.graph
    compose.add_prefix_graph(graph, _THEIRS, inplace=True)  # its names may equal ours
    (old,) = [value for value in graph.input if value.name == _THEIRS + adapter.input]
    dims = [d.dim_param or d.dim_value or None for d in old.type.tensor_type.shape.dim]
    dims = [1, *dims] if adapter.single else dims
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

    version = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
    first: dict[str, Any] = {"axes": [0]}  # of Squeeze and Unsqueeze, as an attribute or an input
    if adapter.single and version >= _AXES_AS_INPUT:
        graph.initializer.append(helper.make_tensor(_FIRST, TensorProto.INT64, [1], [0]))
        first = {}

    def axis(operator: str, source: str, target: str) -> Any:
        inputs = [source] if first else [source, _FIRST]
        return helper.make_node(operator, inputs, [target], name=target, **first)

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
    if adapter.single:
        nodes.append(axis("Squeeze", at, f"{_OURS}{len(nodes)}"))
        at = nodes[-1].output[0]
    nodes.append(helper.make_node("Identity", [at], [old.name], name=f"{_OURS}{len(nodes)}"))
    for ours, theirs in adapter.further.items():
        (old,) = [value for value in graph.input if value.name == _THEIRS + theirs]
        nodes.append(_into(old, ours))
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
        source = value.name
        if adapter.single:
            source = f"{name}_row"
            graph.node.append(axis("Unsqueeze", value.name, source))
            sizes = [d.dim_param or d.dim_value or None for d in kind.shape.dim]
            value = helper.make_tensor_value_info(ours, kind.elem_type, [1, *sizes])
            kind = value.type.tensor_type
        graph.node.append(helper.make_node(operator, [source], [ours], name=name, **how))
        value.name = ours
        kind.elem_type = TensorProto.FLOAT if half else kind.elem_type
        graph.output.append(value)
    return model


def _into(value: Any, ours: str) -> Any:
    """Rename an input and give it float32, and return the node that leads from there to what it
    was."""
    from onnx import TensorProto, helper

    kind = value.type.tensor_type
    half = kind.elem_type == TensorProto.FLOAT16
    how: dict[str, Any] = {"to": TensorProto.FLOAT16} if half else {}
    operator = "Cast" if half else "Identity"
    node = helper.make_node(operator, [ours], [value.name], name=f"{_OURS}{ours}", **how)
    value.name, kind.elem_type = ours, TensorProto.FLOAT
    return node


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
