"""Exporting networks as ONNX graphs in the precision that they run in."""

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import EngineError
from ..files import sha256_of
from ..models.families import find_family
from ..models.model import Model
from .backend import Progress
from .cache import Artifact, EngineCache, Key, plain
from .included_graphs import filled, graph_digest, graph_path
from .network import Network, network_of
from .onnx_graph import adapted, read_onnx, stays_fp32, weight_files
from .tensor_spec import FLOAT, Axis
from .torch_runner import example_inputs
from .warned import warned_by_others
from .worker import Message, run_worker

OPSET = 18  # GridSample needs 16; 20 gave wrong results in TensorRT (NVIDIA/TensorRT 4646)
NEEDS = ("onnx", "onnxscript")
_WORKER = Path(__file__).with_name("onnx_worker.py")
_VERSION = 1  # raise it when the exported graph changes

# What the converter leaves in fp32 besides its own list: positions on a grid of more than 2048
# cells, and operators that decide by comparing them.
_STAYS_FP32 = ["GridSample", "NonMaxSuppression", "TopK", "Range", "CumSum", "ReduceSum"]


def missing_packages() -> list[str]:
    """Return the packages that have to be installed before anything can be exported."""
    return [name for name in NEEDS if find_spec(name) is None]


class _Fp16(nn.Module):
    """A module in fp16 between fp32 inputs and outputs, as strongly typed engines need it.

    halved: for each input, whether the module takes it in fp16
    """

    def __init__(self, module: nn.Module, halved: tuple[bool, ...]):
        super().__init__()
        self.module = module.half()
        self.halved = halved

    def forward(self, *inputs: Tensor) -> Mapping[str, Tensor]:
        given = [x.half() if half else x for x, half in zip(inputs, self.halved, strict=True)]
        outputs = self.module(*given).items()
        return {name: x.float() if x.is_floating_point() else x for name, x in outputs}


def options_key(model: Model) -> Key:
    """Return the part of a cache key that holds a model's options; empty if it has none."""
    return {"options": dict(model.options)} if model.options else {}


def onnx_key(model: Model, network: Network, precision: str) -> Key:
    """Return everything that the exported graph depends on."""
    graph = None if network.load is None else graph_digest(model, precision)
    return {
        **({} if graph is None else {"graph": graph}),
        "kind": "onnx",
        "version": _VERSION,
        "network": network.name,
        "weights": model.entry.sha256 if network.load is not None else _digest(model.path),
        **options_key(model),
        "precision": precision,
        "feed": None if network.adapter is None else network.adapter.key,
        "opset": OPSET,
        "torch": torch.__version__,
    }


def exported(
    model: Model,
    network: Network,
    precision: str,
    cache: EngineCache,
    check: Callable[[Path], Key | None] = lambda path: None,
    progress: Progress | None = None,
) -> Artifact:
    """Return the ONNX file of a model from the cache, exporting it if necessary.

    Its inputs and outputs are fp32, the free axes of the network's inputs are free. `check`: see
    `EngineCache.fetch`.

    progress: called several times per second with what is done and since when; what it raises ends
              the export

    Raises `EngineError` if a package is missing, for a precision other than fp32 and fp16, and for
    a network that cannot be exported.
    """
    if precision not in ("fp32", "fp16"):
        raise EngineError(f"precision: ONNX is exported in fp32 or fp16, found {precision!r}")
    if missing := missing_packages():
        names = " ".join(missing)
        raise EngineError(f"exporting needs {' and '.join(missing)}; run: pip install {names}")

    def build(path: Path) -> None:
        if network.load is None:
            path.write_bytes(graph_of(model, network, precision))
        else:
            path.write_bytes(_export(model, network, precision, progress))

    return cache.fetch(
        f"{plain(model.name)}-{precision}-onnx",
        onnx_key(model, network, precision),
        build,
        check,
        request={
            "model": model.name,
            "options": dict(model.options),
            "backend": "onnxruntime",
            "precision": precision,
        },
    )


def _digest(path: Path) -> str:
    """Return the SHA-256 of an ONNX file and of the files that hold its weights."""
    digest = hashlib.sha256()
    for file in (path, *weight_files(read_onnx(path, weights=False), path)):
        try:
            digest.update(bytes.fromhex(sha256_of(file)))
        except OSError as error:
            raise EngineError(f"{path}: its weights cannot be read: {error}") from error
    return digest.hexdigest()


def graph_of(model: Model, network: Network, precision: str = "fp32") -> bytes:
    """Return the ONNX graph of a network without a torch module, with the inputs and outputs of
    `network` and its weights inside.

    With fp16 only what lies between inputs and outputs is converted; a graph that takes fp16 is in
    fp16 already. Raises `EngineError` if the converter is not installed.
    """
    graph = read_onnx(model.path, weights=True)
    half = network.adapter is not None and network.adapter.kind == "float16"
    if network.adapter is not None:
        graph = adapted(graph, network.adapter)
    if precision == "fp16" and not half:
        if find_spec("onnxruntime") is None:
            raise EngineError(
                "converting ONNX to fp16 needs onnxruntime: pip install onnxruntime; or choose fp32"
            )
        from onnxruntime.transformers import float16

        blocked = [*float16.DEFAULT_OP_BLOCK_LIST, *_STAYS_FP32]
        # It warns of numbers that fp16 rounds to zero; parity decides.
        with warned_by_others(f"{network.name} in fp16"):
            graph = float16.convert_float_to_float16(
                graph,
                keep_io_types=True,
                op_block_list=blocked,
                node_block_list=stays_fp32(graph),
            )
    data: bytes = graph.SerializeToString()
    return data


def _export(
    model: Model, network: Network, precision: str, progress: Progress | None = None
) -> bytes:
    """Return the graph of a torch network.

    That of an included network is there, but for the weights. A network that its family's module
    does not make is exported in this process.
    """
    if not _is_its_familys(model, network):
        return export_here(network.module(model.path), network, precision)
    if (known := graph_path(model, precision)) is not None:
        return filled(known, network.module(model.path).state_dict())
    return _export_apart(model, network, precision, progress)


def _export_apart(
    model: Model, network: Network, precision: str, progress: Progress | None
) -> bytes:
    """Export a network in a separate process, which can be ended; it takes about a minute."""
    root = Path(__file__).resolve().parents[2]
    started = time.monotonic()
    last: dict[str, Any] = {}

    def heard(message: Message) -> bool:
        last.update(message)
        return True

    def tick() -> None:
        if progress is not None:
            seconds = time.monotonic() - started
            progress(f"exporting {model.name} to ONNX, once, in about a minute", int(seconds), 0)

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "network.onnx")
        request = {
            "root": str(root),
            "entry": asdict(model.entry),
            "paths": {name: str(path.resolve()) for name, path in model.paths.items()},
            "options": dict(model.options),
            "precision": precision,
            "target": str(target),
        }
        variables = {"CUDA_VISIBLE_DEVICES": ""}  # exporting needs no GPU
        ended = run_worker(_WORKER, request, heard, tick, variables)
        if reason := last.get("error") or ended:
            raise EngineError(reason)
        return target.read_bytes()


def _is_its_familys(model: Model, network: Network) -> bool:
    """Return whether another process makes the same network of this model."""
    if find_family(model.entry.family) is None:
        return False
    return _parts(network_of(model).load) == _parts(network.load)


def _parts(function: Any) -> tuple[Any, ...]:
    """Return what identifies a function, with the arguments bound to it."""
    if isinstance(function, partial):
        return *_parts(function.func), function.args, function.keywords
    return function.__module__, function.__qualname__


def export_here(module: nn.Module, network: Network, precision: str) -> bytes:
    """Return the ONNX graph of a torch module. Raises `EngineError` if it cannot be exported."""
    shapes: tuple[Any, ...] = tuple(
        {place: _free(axis) for place, axis in enumerate(spec.axes) if isinstance(axis, Axis)}
        for spec in network.inputs
    )
    if precision == "fp16":
        module = _Fp16(module, tuple(spec.dtype == FLOAT for spec in network.inputs))
        shapes = (shapes,)  # its inputs are one variadic parameter
    try:
        with (
            warned_by_others(f"{network.name} to ONNX"),
            torch.inference_mode(False),
            torch.no_grad(),
        ):
            program = torch.onnx.export(
                module.eval(),
                example_inputs(network, torch.device("cpu"), "fp32"),
                input_names=[spec.name for spec in network.inputs],
                output_names=[spec.name for spec in network.outputs],
                opset_version=OPSET,
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
            )
        if program is None:
            raise EngineError(f"{network.name}: the exporter returned nothing")
        data: bytes = program.model_proto.SerializeToString()
    except EngineError:
        raise
    except Exception as error:  # the exporter's and protobuf's share no narrower base
        raise EngineError(f"{network.name}: cannot be exported to ONNX: {error}") from error
    return data


def _free(axis: Axis) -> Any:
    """Return how the exporter is to treat a free axis; what follows from another it infers."""
    return torch.export.Dim.DYNAMIC if axis.plain else torch.export.Dim.AUTO
