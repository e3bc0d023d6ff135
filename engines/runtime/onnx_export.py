"""Networks as ONNX graphs in the precision that they are to run in."""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import EngineError
from ..models.model import Model
from .cache import Artifact, EngineCache, Key, plain
from .network import Network
from .onnx_graph import INPUT, adapted, read_onnx, stays_fp32

OPSET = 18  # GridSample from 16 on; 20 gave wrong results in TensorRT (NVIDIA/TensorRT 4646)
NEEDS = ("onnx", "onnxscript")
_VERSION = 1  # of this file: raise it when the exported graph changes


# What the converter leaves in fp32 besides its own list: positions on a grid of more than 2048
# cells, and what decides by comparing them.
_STAYS_FP32 = ["GridSample", "NonMaxSuppression", "TopK", "Range", "CumSum", "ReduceSum"]


def missing_packages() -> list[str]:
    """What has to be installed before anything can be exported."""
    return [name for name in NEEDS if find_spec(name) is None]


class _Fp16(nn.Module):
    """The module in fp16 between fp32 inputs and outputs: what a strongly typed network needs."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module.half()

    def forward(self, images: Tensor) -> Mapping[str, Tensor]:
        return {name: value.float() for name, value in self.module(images.half()).items()}


def options_key(model: Model) -> Key:
    """Return the part of a cache key that holds a model's options; empty if it has none."""
    return {"options": dict(model.options)} if model.options else {}


def onnx_key(model: Model, network: Network, precision: str) -> Key:
    """All that the exported graph depends on."""
    return {
        "kind": "onnx",
        "version": _VERSION,
        "network": network.name,
        "weights": model.entry.sha256 if network.load is not None else _digest(model.path),
        **options_key(model),
        "precision": precision,
        "feed": None if network.feed is None else repr(network.feed),
        "opset": OPSET,
        "torch": torch.__version__,
    }


def exported(
    model: Model,
    network: Network,
    precision: str,
    cache: EngineCache,
    check: Callable[[Path], Key | None] = lambda path: None,
) -> Artifact:
    """The ONNX file of a model, from the cache or made now; inputs and outputs are fp32.

    Batch, height and width are free; of a network that takes one size, the batch. `check`: see
    `EngineCache.fetch`. Raises `EngineError` where a package is missing, for a precision that is
    neither fp32 nor fp16, and for a network that cannot be exported.
    """
    if precision not in ("fp32", "fp16"):
        raise EngineError(f"precision: ONNX is exported in fp32 or fp16, found {precision!r}")
    if missing := missing_packages():
        raise EngineError(f"exporting needs {' and '.join(missing)}: pip install {missing[0]}")

    def build(path: Path) -> None:
        if network.load is None:
            path.write_bytes(graph_of(model, network, precision))
        else:
            path.write_bytes(_export(network.load(model.path), network, precision))

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
    """sha256 of an ONNX file and of the files that hold its weights."""
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    graph = read_onnx(path, weights=False).graph
    beside = {ExternalDataInfo(t).location for t in graph.initializer if uses_external_data(t)}
    digest = hashlib.sha256()
    for file in (path, *(path.parent / name for name in sorted(beside))):
        try:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        except OSError as error:
            raise EngineError(f"{path}: its weights cannot be read: {error}") from error
    return digest.hexdigest()


def graph_of(model: Model, network: Network, precision: str = "fp32") -> bytes:
    """A network's ONNX graph as ours are: an input `images` fp32 RGB 0..1, outputs of our names,
    weights inside; fp16 only between inputs and outputs. One that takes fp16 is in fp16 already."""
    graph = read_onnx(model.path, weights=True)
    half = network.feed is not None and network.feed.kind == "float16"
    if network.feed is not None:
        graph = adapted(graph, network.feed)
    if precision == "fp16" and not half:
        if find_spec("onnxruntime") is None:
            raise EngineError(
                "converting ONNX to fp16 needs onnxruntime: pip install onnxruntime; or choose fp32"
            )
        from onnxruntime.transformers import float16

        blocked = [*float16.DEFAULT_OP_BLOCK_LIST, *_STAYS_FP32]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numbers that fp16 rounds to zero: parity decides
            graph = float16.convert_float_to_float16(
                graph,
                keep_io_types=True,
                op_block_list=blocked,
                node_block_list=stays_fp32(graph),
            )
    data: bytes = graph.SerializeToString()
    return data


def _export(module: nn.Module, network: Network, precision: str) -> bytes:
    if precision == "fp16":
        module = _Fp16(module)
    side = max(4 * network.stride, 2 * network.least)
    # no two sizes alike, or they are taken for one
    high, wide = network.fixed or (side, side + network.stride)
    example = torch.rand(network.min_batch + 1, 3, high, wide)
    free = torch.export.Dim.DYNAMIC
    sizes = {0: free} if network.fixed else {0: free, 2: free, 3: free}
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            program = torch.onnx.export(
                module.eval(),
                (example,),
                input_names=[INPUT],
                output_names=list(network.outputs),
                opset_version=OPSET,
                dynamic_shapes={INPUT: sizes},
                dynamo=True,
                verbose=False,
            )
        if program is None:
            raise EngineError(f"{network.name}: the exporter gave nothing")
        data: bytes = program.model_proto.SerializeToString()
    except EngineError:
        raise
    except Exception as error:  # the exporter's and protobuf's share no narrower base
        raise EngineError(f"{network.name}: cannot be exported to ONNX: {error}") from error
    return data
