"""An engine: a network on a runner, with the limits it was built for and why it is this one."""

import logging
import shlex
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import EngineError, NotBuiltError
from ..models.model import Model
from . import parity
from .backend import Progress, Rung
from .backends import backend_of
from .build import BuildRequest, make_runner
from .cache import EngineCache
from .folders import engine_folder
from .ladder import ladder
from .network import Network
from .reason import Reason, Severity
from .reference import Verifier
from .runner import Runner
from .tensor_spec import BATCH, HEIGHT, WIDTH, bind
from .usage import latency_of

log = logging.getLogger("kinograph")

# glibc reuses freed blocks of up to 32 MiB; larger ones are mapped and zeroed again at every use,
# which halves the network's speed on a CPU.
_CPU_BLOCK = 32 * 2**20

_LOW, _HIGH = 128, 256  # px, steps of the range of sizes that engines are built for

_GPU_ROOM = 3 * 2**30  # bytes, for what grows with the square of the pixels; fits cards of 4 GB


class Engine:
    """A network on a runner; what travels on a KINO_ENGINE socket.

    The runner's memory can be released at any time; the next use loads it again.

    backend, device, precision: what runs where
    reasons:   every reason on the way to this runner
    max_batch: most images per call
    sizes:     smallest and largest longer side of the input, px
    verdict:   of the comparison with the reference (law 3); None for the reference itself
    seconds:   time until it could be used
    artifact:  the file that it was loaded from; None if it keeps none
    came:      "ready" without a file, "built", or "loaded" from a file of before
    latency:   of its recent calls
    holder:    what the host wants to keep with the engine

    full_batches: run fewer images as a full batch. On a GPU PyTorch's libraries choose their
               kernels by the number of images, and each rounds differently; this way a frame gets
               the same bits however a clip is cut. Not for streams, where it adds latency.
    """

    full_batches = False

    def __init__(
        self,
        request: BuildRequest,
        rung: Rung,
        runner: Runner,
        *,
        reasons: tuple[Reason, ...],
        verdict: parity.Verdict | None,
        seconds: float,
        artifact: Path | None = None,
        came: str = "ready",
    ):
        self.model = request.model
        self.network = request.network
        self.max_batch = request.max_batch
        self.sizes = request.sizes
        self.backend = rung.backend
        self.device = rung.device
        self.precision = rung.precision
        self.reasons = reasons
        self.verdict = verdict
        self.seconds = seconds
        self.bytes = runner.bytes
        self.artifact = artifact
        self.came = came
        self.holder: object | None = None
        self._request = request
        self._rung = rung
        self._runner: Runner | None = runner
        self._lock = threading.Lock()
        self.latency = latency_of(self.name)
        with _lock:
            _living.add(self)

    @property
    def name(self) -> str:
        """Cache name, or model-precision-backend-device if it keeps no file."""
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
    def why(self) -> tuple[str, ...]:
        """The reasons as text, one line each."""
        return tuple(map(str, self.reasons))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Every step down that was not expected, one line each."""
        runs = f"runs on {self.backend} {self.precision} on {self.device}"
        down = (r for r in self.reasons if r.severity is Severity.STEPPED_DOWN)
        return tuple(f"{runs}; {reason}" for reason in down)

    @property
    def loaded(self) -> bool:
        """Whether the network is in memory."""
        return self._runner is not None

    def load(self) -> Runner:
        """Load the network into memory, if necessary, and return its runner."""
        with self._lock:
            if self._runner is None:
                self._runner = make_runner(self._rung, self._request).runner
            return self._runner

    def unload(self) -> None:
        """Release the network's memory."""
        with self._lock:
            if self._runner is not None:
                self._runner.close()
            self._runner = None

    def infer(
        self, images: Tensor | Mapping[str, Tensor], **more: Tensor | None
    ) -> Mapping[str, Tensor]:
        """Return the network's outputs by name.

        images: the network's first input, on the engine's device, or all its inputs by name
        more:   further inputs by name; an optional one that is None or missing gets its default

        Raises `InputError` for inputs whose shapes do not fit the network, and `EngineError` for a
        batch or a size that the engine was not built for.
        """
        network, name = self.network, self.model.name
        first = network.inputs[0].name
        inputs = dict(images) if isinstance(images, Mapping) else {first: images}
        for key, value in more.items():
            if value is not None:
                inputs[key] = value.to(self.device)
        sizes = bind(network.inputs, inputs, f"engine {name}")
        batch = sizes[BATCH.name]
        if batch < network.min_batch:
            raise EngineError(
                f"engine {name}: expected at least {network.min_batch} frames per call, "
                f"found {batch}"
            )
        if batch > self.max_batch:
            raise EngineError(
                f"engine {name}: built for at most {_frames(self.max_batch)} per call, "
                f"found {batch}; raise max_batch in Build Engine"
            )
        self._check_sides(sizes)
        runner, given = self.load(), network.complete(inputs, sizes)
        missing = 0
        if self._fills_batches:
            high, wide = given[first].shape[2:] if given[first].ndim == 4 else (1, 1)
            missing = max(0, self.batch_for(high, wide) - batch)
            given = _filled_up(network, given, batch, missing)
        with self.latency.measured(self.device, batch):
            outputs = runner.infer(given)
        if missing:
            rows = {spec.name: spec.rows(batch) for spec in network.outputs}
            outputs = {name: value[: rows.get(name)] for name, value in outputs.items()}
        return outputs

    def _check_sides(self, sizes: Mapping[str, int]) -> None:
        sides = [sizes[axis.name] for axis in (WIDTH, HEIGHT) if axis.name in sizes]
        if not sides:
            return
        self.check_size(max(sides))
        stride = self.network.stride
        if any(side % stride for side in sides):
            raise EngineError(
                f"engine {self.model.name}: expected sides that are multiples of {stride}, found "
                f"{'x'.join(map(str, sides))}"
            )

    @property
    def _fills_batches(self) -> bool:
        on_gpu = backend_of(self.backend).is_pytorch and self.device.type == "cuda"
        return self.full_batches and on_gpu and self.network.fills_up

    def check_size(self, size: int) -> None:
        """Raise `EngineError` unless the longer side `size`, px, is in the engine's range."""
        low, high = self.sizes
        if not low <= size <= high:
            raise EngineError(
                f"engine {self.model.name}: built for a {self.network.size_name} of {low} to "
                f"{high}, found {size}; change it, or min_size and max_size in Build Engine"
            )

    def batch_for(self, height: int, width: int) -> int:
        """Return how many images of height x width px to pass per call for the best speed."""
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
        """Return what runs where, for which sizes, and why, as text of several lines."""
        entry, on = self.model.entry, self.where
        low, high = self.sizes
        verdict = "the reference itself" if self.verdict is None else self.verdict.reason
        lines = [
            f"{entry.title}, {entry.licence}",
            f"runs on {self.backend} in {self.precision} on {on}",
            f"up to {_frames(self.max_batch)} per call, {self.network.size_name} {low} to {high}",
            f"parity: {verdict}",
            f"{self.came} in {self.seconds:.2f} s",
            *(f"- {reason}" for reason in self.why),
        ]
        return "\n".join(lines)


_living: "weakref.WeakSet[Engine]" = weakref.WeakSet()
_lock = threading.Lock()


def living() -> list[Engine]:
    """Return the engines of this process, in memory or ready to be loaded again."""
    with _lock:
        return list(_living)


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _filled_up(
    network: Network, inputs: dict[str, Tensor], batch: int, missing: int
) -> dict[str, Tensor]:
    """Append rows of zeros for `missing` images to every input that has a row per image."""
    if not missing:
        return inputs
    return {
        spec.name: inputs[spec.name]
        if spec.rows(batch) is None
        else torch.cat(
            [inputs[spec.name], inputs[spec.name].new_zeros(missing, *inputs[spec.name].shape[1:])]
        )
        for spec in network.inputs
    }


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
    progress: Progress | None = None,
) -> Engine:
    """Put `model` on the best backend that the request allows and this machine supports.

    What has to be built is loaded from `cache` (default: the folder that `engine_folder` names) or
    built into it; of backends that take long to build "auto" takes what is there, and says how to
    build them (`Backend.built_if_asked`). Everything but the reference itself, PyTorch in fp32 on
    the CPU, is used only after its outputs have agreed with the reference's.

    sizes:    smallest and largest longer side, px; None = the network's own range
    progress: called with a phase of a build, its step and its number of steps; what it raises
              ends the build

    Raises `EngineError` if the request cannot be met: "auto" steps down the ladder and says so in
    the report, an explicit choice never falls back.
    """
    started = time.perf_counter()
    if max_batch < network.min_batch:
        raise EngineError(f"max_batch: expected at least {network.min_batch}, found {max_batch}")
    request = BuildRequest(
        model,
        network,
        max_batch,
        within(network, sizes),
        cache or EngineCache(engine_folder()),
        progress,
    )
    way = ladder(
        backend,
        precision,
        device,
        torch_runs=network.load is not None,
        left_out=network.left_out,
    )
    reasons = list(way.why)
    for rung in way.rungs:
        verifier = Verifier(rung, request)
        wait = (
            backend_of(rung.backend).built_if_asked(rung.device.type) if backend == "auto" else ""
        )
        try:
            made = make_runner(rung, _building_nothing(request) if wait else request, verifier)
        except NotBuiltError:
            reasons.append(_ask(wait, rung, model))
            continue
        except EngineError as error:
            if backend != "auto":
                raise
            reasons.append(Reason(str(error), Severity.STEPPED_DOWN, rung.backend))
            continue
        _log_once(model.name, reasons)
        return Engine(
            request,
            rung,
            made.runner,
            reasons=(*reasons, *map(Reason, made.notes)),
            verdict=verifier.verdict,
            seconds=time.perf_counter() - started,
            artifact=made.artifact,
            came=made.came,
        )
    raise EngineError(
        f"engine {model.name}: no backend works here\n" + "\n".join(map(str, reasons))
    )


def _building_nothing(request: BuildRequest) -> BuildRequest:
    return replace(request, cache=EngineCache(request.cache.folder, builds=False))


def _ask(why: str, rung: Rung, model: Model) -> Reason:
    """Return the reason of a backend that is not built unasked, with the ways to ask for it."""
    name, command = rung.backend, ""
    if not model.options:  # the command builds with the defaults
        named = shlex.quote(model.name)
        command = f"kinograph build {named} --backend {name} --precision {rung.precision}"
    run = f", or run: {command}" if command else ""
    text = f"{why}; choose it once as the backend in Build Engine{run}; auto uses it from then on"
    return Reason(text, Severity.LEFT_OUT, name, command)


def build_beside(engine: Engine, model: Model, network: Network) -> Engine:
    """Put an included model beside `engine`, for a node that needs both: on its device, for as many
    images per call, in its cache.

    That is the best backend, as for everything that is built without a choice; but beside PyTorch,
    which needs no build, PyTorch in fp32, which needs none either.
    """
    at_once = engine.backend == "torch"
    made = build_engine(
        model,
        network,
        backend="torch" if at_once else "auto",
        precision="fp32" if at_once else "auto",
        device=str(engine.device),
        max_batch=engine.max_batch,
        cache=engine._request.cache,
        progress=engine._request.progress,
    )
    made.full_batches = engine.full_batches
    return made


_logged: set[str] = set()


def _log_once(name: str, reasons: list[Reason]) -> None:
    """Log every step down the ladder, once per process."""
    for reason in reasons:
        line = f"{name}: {reason}"
        if reason.severity is not Severity.NOTE and line not in _logged:
            _logged.add(line)
            log.info(line)


def within(network: Network, sizes: tuple[int, int] | None) -> tuple[int, int]:
    """Return the range of the longer side to build for, px.

    It is the range asked for, extended to steps of 128 and 256 px, so that clips of nearly the same
    size share an engine; the network's own if it takes one size only.
    """
    if network.fixed is not None or sizes is None:
        return network.sizes
    low, high = sizes
    if not network.least <= low <= high:
        raise EngineError(
            f"size range: expected {network.least} <= min_size <= max_size, found {low} to {high}"
        )
    first = max(network.least, low // _LOW * _LOW)
    return first, max(high, min(-(-high // _HIGH) * _HIGH, network.sizes[1]))
