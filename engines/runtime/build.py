"""From a rung of the ladder to a runner: what is built, what it is found by, how it is loaded."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..environment import package_version
from ..errors import EngineError
from ..models.registry import Model
from . import trt
from .cache import Artifact, EngineCache, Key, plain
from .ladder import Rung
from .network import Network
from .onnx_export import exported
from .pieces import in_calls
from .runner import Runner
from .torch_runner import compile_ahead, compiled, eager
from .turing import without_matrix_products

_VERSION = 2  # of the way engines are built: raise it when that changes

Verify = Callable[[Runner], Key | None]


@dataclass(frozen=True)
class BuildRequest:
    """What an engine must be able to do, and where built ones are kept.

    sizes:    smallest and largest longer side
    progress: called with a phase of a build, its step and its number of steps; what it raises
              ends the build
    """

    model: Model
    network: Network
    max_batch: int
    sizes: tuple[int, int]
    cache: EngineCache
    progress: trt.Progress | None = None

    @property
    def graphs(self) -> tuple[int, int]:
        """What CUDA graphs need to know: most images, rows that an output has less."""
        return self.network.batch or self.max_batch, self.network.min_batch - 1

    def profiles(self) -> list[trt.Profile]:
        """The shapes that a TensorRT engine is built for: one image at a time, and many.

        The longer side spans `sizes`, the shorter one goes down to the network's least. The
        best is 16:9 at the recommended size.
        """
        network, most = self.network, self.sizes[1]
        if network.fixed is not None:
            few, many = network.batch or 1, network.batch or self.max_batch
            size = network.fixed
            counts = [(few, few, few), (few, many, many)][: 1 + (many > few)]
            return [((a, 3, *size), (b, 3, *size), (c, 3, *size)) for a, b, c in counts]
        width = min(max(self.model.entry.recommended_size, self.sizes[0]), most)
        height = round(width * 9 / 16 / network.stride) * network.stride
        sides = max(network.least, height), width
        low, high = (network.least, network.least), (most, most)
        few, many = network.batch or network.min_batch, network.batch or self.max_batch
        shapes: list[trt.Profile] = [((few, 3, *low), (few, 3, *sides), (few, 3, *high))]
        if many > few:
            shapes.append(((few, 3, *low), (many, 3, *sides), (many, 3, *high)))
        return shapes

    def described(
        self, backend: str, precision: str, device: str, capabilities: tuple[str, ...] = ()
    ) -> Key:
        """What the sidecar keeps, so that the engine can be built anew."""
        return {
            "model": self.model.name,
            **self.model.variant,
            "backend": backend,
            "precision": precision,
            "device": device,
            "max_batch": self.max_batch,
            "sizes": list(self.sizes),
            "capabilities": list(capabilities),
        }


@dataclass(frozen=True)
class Made:
    """A runner, the file that it was loaded from if any, and notes on the way."""

    runner: Runner
    artifact: Path | None = None
    notes: tuple[str, ...] = ()


def make_runner(rung: Rung, request: BuildRequest, verify: Verify = lambda runner: None) -> Made:
    """The runner of a rung, built where it has to be.

    verify: raises `EngineError` when the runner's answers are wrong. What was cached and fails it
    is built anew, once.

    Raises `EngineError` when it cannot be built or loaded, or is found wrong.
    """
    model, network, device = request.model, request.network, rung.device
    if rung.backend in ("torch", "torch_cudagraph"):
        graphs = request.graphs if rung.backend == "torch_cudagraph" else None
        runner: Runner = eager(network.module(model.path), device, rung.precision, graphs)
        verify(runner)
        return Made(runner)
    if network.start is not None and rung.backend != "torch_compiled":
        raise EngineError("a network that is given a flow to begin with runs in PyTorch only")
    loaded: list[Runner] = []

    def check(path: Path) -> Key | None:
        loaded.clear()
        loaded.append(in_calls(_loaded(rung, request, path), network))
        try:
            return verify(loaded[0])
        except BaseException:
            loaded[0].close()
            raise

    if rung.backend == "torch_compiled":
        artifact = _compiled(rung, request, check)
    elif rung.backend == "onnxruntime":
        artifact = exported(model, network, rung.precision, request.cache, check)
    else:
        artifact = tensorrt_engine(rung.backend, rung.precision, request, check=check)
    state = "built" if artifact.built else "cached"
    notes = (*artifact.notes, f"{state}: {artifact.path.name}")
    return Made(loaded[0], artifact.path, notes)


def _loaded(rung: Rung, request: BuildRequest, path: Path) -> Runner:
    network = request.network
    if rung.backend == "torch_compiled":
        graphs = request.graphs if rung.device.type == "cuda" else None
        return compiled(path, rung.device, rung.precision, graphs)
    if rung.backend == "onnxruntime":
        from .ort_runner import OnnxRunner

        return OnnxRunner(path, network.outputs, rung.device, rung.precision)
    from .trt_runner import TensorRTRunner

    return TensorRTRunner(
        path, network.outputs, rung.device, rung.precision, rung.backend, *request.graphs
    )


def _compiled(rung: Rung, request: BuildRequest, check: Callable[[Path], Key | None]) -> Artifact:
    model, network = request.model, request.network
    where = rung.device.type
    key: Key = {
        "kind": "aotinductor",
        "version": _VERSION,
        "network": network.name,
        "weights": model.entry.sha256,
        "precision": rung.precision,
        "torch": torch.__version__,
        "cuda": torch.version.cuda if where == "cuda" else None,
        "system": [platform.system(), platform.machine()],
        "cpu": torch.backends.cpu.get_cpu_capability(),  # its host code is native
        "card": _card(rung.device) if where == "cuda" else None,
    }
    on = plain(torch.cuda.get_device_name(rung.device)) if where == "cuda" else "cpu"

    def build(path: Path) -> None:
        compile_ahead(network, model.path, rung.device, rung.precision, path)

    return request.cache.fetch(
        f"{plain(model.name)}-{rung.precision}-torch_compiled-{on}",
        key,
        build,
        check,
        request=request.described(rung.backend, rung.precision, where),
    )


def tensorrt_engine(
    flavour: str,
    precision: str,
    request: BuildRequest,
    capabilities: tuple[str, ...] = (),
    check: Callable[[Path], Key | None] = lambda path: None,
) -> Artifact:
    """The file of a TensorRT engine, from the cache or built now.

    capabilities: cards to build for with TensorRT-RTX, such as "sm89", on any machine; () = this
    machine's card
    """
    model, network = request.model, request.network
    onnx = exported(model, network, precision, request.cache)
    profiles = request.profiles()
    library = _library_version(flavour)
    if not capabilities and not torch.cuda.is_available():
        raise EngineError("no card to build for; name one, e.g. --capability sm89")
    card = list(capabilities) or _card(torch.device("cuda", torch.cuda.current_device()))
    targets = capabilities or ("sm{}{}".format(*torch.cuda.get_device_capability()),)
    where = "-".join(capabilities) or plain(torch.cuda.get_device_name())
    timings = request.cache.folder / f"timings-{flavour}-{library}-{where}.cache"

    def build(path: Path) -> None:
        source = onnx.path
        if flavour == "tensorrt_rtx" and precision == "fp32" and "sm75" in targets:
            source = path.with_name(path.name + ".onnx")
            without_matrix_products(onnx.path, source)
        try:
            plan(source, path)
        finally:
            if source != onnx.path:
                source.unlink(missing_ok=True)

    def plan(source: Path, path: Path) -> None:
        trt.build_plan(
            source,
            path,
            flavour=flavour,
            profiles=profiles,
            timings=timings,
            capabilities=capabilities,
            progress=request.progress,
        )

    key: Key = {
        "kind": "engine",
        "version": _VERSION,
        "flavour": flavour,
        "library": library,
        "builder": package_version("polygraphy") or "",
        "cuda": torch.version.cuda if not capabilities else None,
        "system": platform.system(),
        "onnx": onnx.sidecar["sha256"],
        "precision": precision,
        "profiles": profiles,
        "card": card,
    }
    return request.cache.fetch(
        f"{plain(model.name)}-{request.sizes[1]}-{precision}-{flavour}-{where}",
        key,
        build,
        check,
        request=request.described(flavour, precision, "cuda", capabilities),
    )


def _library_version(flavour: str) -> str:
    return str(trt.load(flavour).__version__)


def _card(device: torch.device) -> list[Any]:
    card = torch.cuda.get_device_properties(device)
    return [card.name, card.major, card.minor, card.multi_processor_count]
