"""An engine: a network on a runner, with the limits it was built for and why it is this one."""

import logging
import threading
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import EngineError
from ..models.model import Model
from . import parity, trt
from .build import BuildRequest, make_runner
from .cache import EngineCache, Key
from .folders import engine_folder
from .ladder import Rung, ladder
from .network import Network
from .onnx_export import graph_of
from .pieces import in_calls
from .probe import probe
from .runner import Runner
from .torch_runner import eager
from .usage import latency_of, register

log = logging.getLogger("kinograph")

# glibc hands blocks of up to 32 MiB back to the next allocation; larger ones are mapped and
# zeroed anew at every use, which halves the network's speed on a CPU.
_CPU_BLOCK = 32 * 2**20

_LOW, _HIGH = 128, 256  # px, steps of the range of sizes that engines are built for

_GPU_ROOM = 3 * 2**30  # bytes, for what grows with the square of the pixels; fits cards of 4 GB


class Engine:
    """A network on a runner; what travels on a KINO_ENGINE socket.

    The runner's memory can be given back at any time: what is used next loads it again.

    backend, device, precision: what runs where
    why:       every reason on the way to this runner, one a line
    max_batch: most frames a call takes
    sizes:     smallest and largest longer side of the input in pixels
    verdict:   what the comparison with the reference said (law 3); None for the reference itself
    seconds:   time to build
    artifact:  the file that it was loaded from; None for what is not built
    warnings:  steps down that were not expected, a line each
    latency:   of its recent calls
    holder:    what the host wants to keep with the engine

    full_batches: run fewer images as a full batch. On a GPU PyTorch's libraries choose their
               kernels by the number of images, and each has last bits of its own: so frames give
               the same to the last bit however a clip is cut. Not for streams, where it is latency.
    """

    full_batches = False

    def __init__(
        self,
        request: BuildRequest,
        rung: Rung,
        runner: Runner,
        *,
        why: tuple[str, ...],
        verdict: parity.Verdict | None,
        seconds: float,
        artifact: Path | None = None,
        warnings: tuple[str, ...] = (),
    ):
        self.model = request.model
        self.network = request.network
        self.max_batch = request.max_batch
        self.sizes = request.sizes
        self.backend = rung.backend
        self.device = rung.device
        self.precision = rung.precision
        self.why = why
        self.verdict = verdict
        self.seconds = seconds
        self.bytes = runner.bytes
        self.artifact = artifact
        self.warnings = warnings
        self.holder: object | None = None
        self._request = request
        self._rung = rung
        self._runner: Runner | None = runner
        self._lock = threading.Lock()
        self.latency = latency_of(self.name)
        register(self)

    @property
    def name(self) -> str:
        """Of the built engine; of what is not built, what runs where."""
        if self.artifact is not None:
            return self.artifact.stem
        return f"{self.model.name}-{self.precision}-{self.backend}-{self.device}"

    @property
    def where(self) -> str:
        """The card's name, or the device."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return str(self.device)

    @property
    def loaded(self) -> bool:
        """Whether the network is in memory."""
        return self._runner is not None

    def load(self) -> Runner:
        """Put the network into memory, if it is not there."""
        with self._lock:
            if self._runner is None:
                self._runner = make_runner(self._rung, self._request).runner
            return self._runner

    def unload(self) -> None:
        """Give the network's memory back."""
        with self._lock:
            if self._runner is not None:
                self._runner.close()
            self._runner = None

    def infer(self, images: Tensor, start: Tensor | None = None) -> Mapping[str, Tensor]:
        """Images [N,3,H,W] in 0..1 on the engine's device -> the network's outputs by name.

        start: what a network with a second input begins with; None = where nothing is known

        Raises `EngineError` for a batch or a size that the engine was not built for.
        """
        check_shape("engine input", images, ("batch", 3, "height", "width"))
        batch, _, height, width = images.shape
        if batch < self.network.min_batch:
            raise EngineError(
                f"engine {self.model.name}: expected at least {self.network.min_batch} frames a "
                f"call, found {batch}"
            )
        if batch > self.max_batch:
            raise EngineError(
                f"engine {self.model.name}: built for at most {self.max_batch} frames a call, "
                f"found {batch}; raise max_batch in Build Engine"
            )
        self.check_size(max(height, width))
        if height % self.network.stride or width % self.network.stride:
            raise EngineError(
                f"engine {self.model.name}: expected sides that are multiples of "
                f"{self.network.stride}, found {width}x{height}"
            )
        runner, begin = self.load(), self._start(images, start)
        missing = self.batch_for(height, width) - batch if self._fills_batches else 0
        if missing > 0:
            images = torch.cat([images, images.new_zeros(missing, 3, height, width)])
        with self.latency.measured(self.device, batch):
            outputs = runner.infer(images, begin)
        if missing > 0:
            rows = batch - self.network.min_batch + 1
            outputs = {name: value[:rows] for name, value in outputs.items()}
        return outputs

    @property
    def _fills_batches(self) -> bool:
        torchs = self.backend.startswith("torch") and self.device.type == "cuda"
        return self.full_batches and torchs and self.network.start is None

    def _start(self, images: Tensor, start: Tensor | None) -> Tensor | None:
        if self.network.start is None:
            if start is not None:
                raise EngineError(f"engine {self.model.name}: built without a flow to begin with")
            return None
        begin = self.network.start(images)
        if start is None:
            return begin
        if start.shape != begin.shape:
            raise EngineError(
                f"engine {self.model.name}: expected a state of {list(begin.shape)}, found "
                f"{list(start.shape)}; keep size, direction and engine from chunk to chunk, or "
                "reset the state"
            )
        return start.to(begin)

    def check_size(self, size: int) -> None:
        """Raise `EngineError` unless the longer side `size` lies in the engine's range."""
        low, high = self.sizes
        if not low <= size <= high:
            raise EngineError(
                f"engine {self.model.name}: built for a {self.network.size_name} of {low} to "
                f"{high}, found {size}; change it, or min_size and max_size in Build Engine"
            )

    def batch_for(self, height: int, width: int) -> int:
        """How many inputs of height x width to give at once for the best speed."""
        if self.device.type != "cpu":
            if self.network.gpu_bytes is None:
                return self.max_batch
            number = 4 if self.precision == "fp32" else 2
            least = self.network.min_batch
            most = self.max_batch - least + 1
            rows = min(_GPU_ROOM // self.network.gpu_bytes(height, width, number), most)
            if 0 < rows < most:  # a CUDA graph is for a power of two
                rows = 1 << (rows.bit_length() - 1)
            return max(least, rows + least - 1)
        fits = _CPU_BLOCK // (self.network.pixel_bytes * height * width)
        return max(self.network.min_batch, min(self.max_batch, fits))

    def report(self) -> str:
        """The engine in words: what runs where, for what sizes, and why."""
        entry, on = self.model.entry, self.where
        low, high = self.sizes
        verdict = "the reference itself" if self.verdict is None else self.verdict.reason
        lines = [
            f"{entry.title}, {entry.licence}",
            f"runs on {self.backend} in {self.precision} on {on}",
            f"up to {self.max_batch} frames a call, {self.network.size_name} {low} to {high}",
            f"parity: {verdict}",
            f"built in {self.seconds:.2f} s",
            *(f"- {reason}" for reason in self.why),
        ]
        return "\n".join(lines)


def build_engine(
    model: Model,
    network: Network,
    *,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    max_batch: int = 16,
    sizes: tuple[int, int] | None = None,
    cache: EngineCache | None = None,
    progress: trt.Progress | None = None,
) -> Engine:
    """Put `model` on the best backend that the request allows and this machine can do.

    What has to be built comes from `cache` (default: the folder that `engine_folder` names) or is
    built into it. Whatever is not the reference itself, torch in fp32 on the CPU, is used only
    after its answers agreed with the reference's.

    sizes:    smallest and largest longer side; None = the network's own range.
    progress: called with a phase of a build, its step and its number of steps; what it raises
              ends the build

    Raises `EngineError` when the request cannot be met: "auto" steps down the ladder and says
    so in the report, an explicit choice never falls back.
    """
    started = time.perf_counter()
    low, high = within(network, sizes)
    if max_batch < network.min_batch:
        raise EngineError(f"max_batch: expected at least {network.min_batch}, found {max_batch}")
    way = ladder(
        backend,
        precision,
        device,
        torch_runs=network.load is not None,
        left_out=network.left_out,
    )
    request = BuildRequest(
        model, network, max_batch, (low, high), cache or EngineCache(engine_folder()), progress
    )
    why = list(way.why)
    for rung in way.rungs:
        verifier = _Verifier(rung, request)
        try:
            made = make_runner(rung, request, verifier)
        except EngineError as error:
            if backend != "auto":
                raise
            why.append(f"not {rung.backend}: {error}")
            continue
        _log_once(model.name, why)
        return Engine(
            request,
            rung,
            made.runner,
            why=(*why, *made.notes),
            verdict=verifier.verdict,
            seconds=time.perf_counter() - started,
            artifact=made.artifact,
            warnings=_stepped_down(rung, why, len(way.why)),
        )
    raise EngineError(f"engine {model.name}: no backend works here\n" + "\n".join(why))


def _stepped_down(rung: Rung, why: list[str], known: int) -> tuple[str, ...]:
    """What failed on the way, and a GPU that is not used. What is not installed is no surprise.

    known: how many reasons there were before anything was tried
    """
    left = [reason for reason in why[:known] if reason.startswith("not on the GPU")]
    failed = [reason for reason in why[known:] if reason.startswith("not ")]
    return tuple(f"runs on {rung}; {reason}" for reason in (*left, *failed))


_logged: set[str] = set()


def _log_once(name: str, why: list[str]) -> None:
    """Every step down the ladder, once a process."""
    for reason in why:
        line = f"{name}: {reason}"
        if reason.startswith("not ") and line not in _logged:
            _logged.add(line)
            log.info(line)


def within(network: Network, sizes: tuple[int, int] | None) -> tuple[int, int]:
    """The range of the longer side to build for: that asked for in whole buckets, so that clips of
    nearly the same size share an engine; a network's own where it takes but one size."""
    if network.fixed is not None or sizes is None:
        return network.sizes
    low, high = sizes
    if not network.least <= low <= high:
        raise EngineError(
            f"size range: expected {network.least} <= min_size <= max_size, found {low} to {high}"
        )
    first = max(network.least, low // _LOW * _LOW)
    return first, max(high, min(-(-high // _HIGH) * _HIGH, network.sizes[1]))


class _Verifier:
    """Compares a runner with the reference, torch in fp32 on the CPU, and keeps the verdict."""

    def __init__(self, rung: Rung, request: BuildRequest):
        self._rung = rung
        self._request = request
        self.verdict: parity.Verdict | None = None

    def __call__(self, runner: Runner) -> Key | None:
        rung, request = self._rung, self._request
        if (rung.backend, rung.device.type, rung.precision) == ("torch", "cpu", "fp32"):
            return None
        images = probe(request.network, request.sizes[0], request.max_batch)
        begin = request.network.start
        here = images.to(rung.device)
        verdict = request.network.compare(
            reference(request.model, request.network).infer(images),
            runner.infer(here, None if begin is None else begin(here)),
            rung.precision,
        )
        if not verdict.passed:
            raise EngineError(
                f"{rung} disagrees with the reference ({verdict.reason}) and is not used; "
                "choose another precision"
            )
        self.verdict = verdict
        return {"parity": verdict.reason, "errors": verdict.errors}


def reference(model: Model, network: Network) -> Runner:
    """What every engine is compared with: torch, or ONNX Runtime for an ONNX graph; fp32, CPU.

    Raises `EngineError` when that is not installed.
    """
    if network.load is not None:
        return eager(network.load(model.path), torch.device("cpu"), "fp32")
    if find_spec("onnxruntime") is None:
        raise EngineError(
            f"{model.name} is an ONNX graph, and what its engines are compared with is not "
            "installed; run: pip install onnxruntime"
        )
    from .ort_runner import OnnxRunner

    graph = graph_of(model, network)
    return in_calls(OnnxRunner(graph, network.outputs, torch.device("cpu"), "fp32"), network)
