"""From a rung of the ladder to a runner: what is built, what it is found by, how it is loaded."""

import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import EngineError
from ..models.registry import Model
from . import trt
from .cache import EngineCache, Key
from .ladder import Rung
from .network import Network
from .onnx_export import exported
from .runner import Runner
from .torch_runner import TorchRunner

_VERSION = 1  # of the way engines are built: raise it when they change


@dataclass(frozen=True)
class BuildRequest:
    """What an engine must be able to do, and where built ones are kept."""

    model: Model
    network: Network
    max_batch: int
    sizes: tuple[int, int]
    cache: EngineCache


def make_runner(rung: Rung, request: BuildRequest) -> tuple[Runner, tuple[str, ...]]:
    """The runner of a rung, built where it has to be, and notes on the way.

    Raises `EngineError` when it cannot be built or loaded.
    """
    model, network = request.model, request.network
    if rung.backend == "torch":
        return TorchRunner(network.load(model.path), rung.device, rung.precision), ()
    if rung.backend == "onnxruntime":
        from .ort_runner import OnnxRunner

        onnx = exported(model, network, rung.precision, request.cache)
        runner = OnnxRunner(onnx.path, network.outputs, rung.device, rung.precision)
        return runner, _notes(onnx.path, onnx.built, onnx.notes)
    from .trt_runner import TensorRTRunner

    path, notes = tensorrt_engine(rung.backend, rung.precision, request)
    return TensorRTRunner(path, network.outputs, rung.device, rung.precision, rung.backend), notes


def tensorrt_engine(
    flavour: str, precision: str, request: BuildRequest, capabilities: tuple[str, ...] = ()
) -> tuple[Path, tuple[str, ...]]:
    """The file of a TensorRT engine, from the cache or built now, and notes on the way.

    capabilities: cards to build for with TensorRT-RTX, such as "sm89", on any machine; () = this
    machine's card
    """
    model, network = request.model, request.network
    onnx = exported(model, network, precision, request.cache)
    size = model.entry.recommended_size
    optimum = (request.max_batch, _sixteen_by_nine(size, network.stride), size)

    def build(path: Path) -> None:
        path.write_bytes(
            trt.build_plan(
                onnx.path,
                network,
                flavour=flavour,
                max_batch=request.max_batch,
                sizes=request.sizes,
                optimum=optimum,
                capabilities=capabilities,
            )
        )

    key: Key = {
        "kind": "engine",
        "version": _VERSION,
        "flavour": flavour,
        "library": _library_version(flavour),
        "system": platform.system(),
        "onnx": onnx.sidecar["sha256"],
        "precision": precision,
        "max_batch": request.max_batch,
        "sizes": list(request.sizes),
        "optimum": list(optimum),
        "card": list(capabilities) or _card(),
    }
    where = "-".join(capabilities) or _plain(torch.cuda.get_device_name())
    name = f"{model.name}-{request.sizes[1]}-{precision}-{flavour}-{where}"
    artifact = request.cache.fetch(name, key, build)
    return artifact.path, _notes(artifact.path, artifact.built, artifact.notes)


def _notes(path: Path, built: bool, notes: tuple[str, ...]) -> tuple[str, ...]:
    return (*notes, f"{'built' if built else 'cached'}: {path.name}")


def _sixteen_by_nine(width: int, stride: int) -> int:
    return max(stride, round(width * 9 / 16 / stride) * stride)


def _library_version(flavour: str) -> str:
    return str(trt.load(flavour).__version__)


def _card() -> list[object]:
    if not torch.cuda.is_available():
        raise EngineError("no card to build for; name one, e.g. --capability sm89")
    card = torch.cuda.get_device_properties(torch.cuda.current_device())
    return [card.name, card.major, card.minor, card.multi_processor_count]


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name).strip("-")
