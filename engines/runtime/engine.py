"""An engine: a network on a runner, with the limits it was built for and why it is this one."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import EngineError
from ..models.registry import Model
from . import parity
from .build import BuildRequest, make_runner
from .cache import EngineCache
from .folders import engine_folder
from .ladder import Rung, ladder
from .network import Network
from .runner import Runner
from .torch_runner import TorchRunner

log = logging.getLogger("kinograph")

# glibc hands blocks of up to 32 MiB back to the next allocation; larger ones are mapped and
# zeroed anew at every use, which halves the network's speed on a CPU.
_CPU_BLOCK = 32 * 2**20


@dataclass(frozen=True)
class Engine:
    """A ready runner; what travels on a KINO_ENGINE socket.

    why:       every reason on the way to this runner, one a line
    max_batch: most frames a call takes
    sizes:     smallest and largest longer side of the input in pixels
    verdict:   what the comparison with the reference said (law 3); None for the reference itself
    seconds:   time to build
    """

    model: Model
    network: Network
    runner: Runner
    why: tuple[str, ...]
    max_batch: int
    sizes: tuple[int, int]
    verdict: parity.Verdict | None
    seconds: float

    def infer(self, images: Tensor) -> Mapping[str, Tensor]:
        """Images [N,3,H,W] in 0..1 on the engine's device -> the network's outputs by name.

        Raises `EngineError` for a batch or a size that the engine was not built for.
        """
        check_shape("engine input", images, ("batch", 3, "height", "width"))
        batch, _, height, width = images.shape
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
        return self.runner.infer(images)

    def check_size(self, size: int) -> None:
        """Raise `EngineError` unless the longer side `size` lies in the engine's range."""
        low, high = self.sizes
        if not low <= size <= high:
            raise EngineError(
                f"engine {self.model.name}: built for a detection size of {low} to {high}, "
                f"found {size}; change it, or min_size and max_size in Build Engine"
            )

    def batch_for(self, height: int, width: int) -> int:
        """How many inputs of height x width to give at once for the best speed."""
        if self.runner.device.type != "cpu":
            return self.max_batch
        fits = _CPU_BLOCK // (self.network.pixel_bytes * height * width)
        return max(1, min(self.max_batch, fits))

    def report(self) -> str:
        """The engine in words: what runs where, for what sizes, and why."""
        entry, device = self.model.entry, self.runner.device
        on = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
        low, high = self.sizes
        verdict = "the reference itself" if self.verdict is None else self.verdict.reason
        lines = [
            f"{entry.title}, {entry.licence}",
            f"runs on {self.runner.backend} in {self.runner.precision} on {on}",
            f"up to {self.max_batch} frames a call, detection size {low} to {high}",
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
) -> Engine:
    """Put `model` on the best backend that the request allows and this machine can do.

    What has to be built comes from `cache` (default: the folder that `engine_folder` names) or is
    built into it. Whatever is not the reference itself, torch in fp32 on the CPU, is used only
    after its answers agreed with the reference's.

    sizes: smallest and largest longer side; None = the network's own range.

    Raises `EngineError` when the request cannot be met: "auto" steps down the ladder and says
    so in the report, an explicit choice never falls back.
    """
    started = time.perf_counter()
    low, high = sizes or network.sizes
    if max_batch < 1:
        raise EngineError(f"max_batch: expected at least 1, found {max_batch}")
    if not network.stride <= low <= high:
        raise EngineError(
            f"size range: expected {network.stride} <= min_size <= max_size, found {low} to {high}"
        )
    way = ladder(backend, precision, device)
    request = BuildRequest(
        model, network, max_batch, (low, high), cache or EngineCache(engine_folder())
    )
    why = list(way.why)
    for rung in way.rungs:
        try:
            built = _stand_on(rung, request)
        except EngineError as error:
            if backend != "auto":
                raise
            why.append(f"not {rung.backend}: {error}")
            log.warning("%s: not %s: %s", model.name, rung, error)
            continue
        return Engine(
            model=model,
            network=network,
            runner=built.runner,
            why=(*why, *built.notes),
            max_batch=max_batch,
            sizes=(low, high),
            verdict=built.verdict,
            seconds=time.perf_counter() - started,
        )
    raise EngineError(f"engine {model.name}: no backend works here\n" + "\n".join(why))


@dataclass(frozen=True)
class _Built:
    runner: Runner
    verdict: parity.Verdict | None
    notes: tuple[str, ...]


def _stand_on(rung: Rung, request: BuildRequest) -> _Built:
    """A runner for `rung` whose answers were found right."""
    runner, notes = make_runner(rung, request)
    if (rung.backend, rung.device.type, rung.precision) == ("torch", "cpu", "fp32"):
        return _Built(runner, None, notes)
    network = request.network
    reference = TorchRunner(network.load(request.model.path), torch.device("cpu"), "fp32")
    probe = _probe(network, request.sizes[0])[: request.max_batch]
    verdict = parity.compare(
        reference.infer(probe), runner.infer(probe.to(rung.device)), rung.precision
    )
    if not verdict.passed:
        runner.close()
        raise EngineError(
            f"{rung} disagrees with the reference ({verdict.reason}) and is not used; "
            "choose another precision"
        )
    return _Built(runner, verdict, notes)


def _probe(network: Network, size: int) -> Tensor:
    """[2,3,S,S] fixed smooth noise: real pictures are smooth, and white noise excites nothing."""
    side = max(network.stride, size // network.stride * network.stride)
    noise = torch.rand(2, 3, side // 8, side // 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, size=(side, side), mode="bicubic").clamp(0, 1)
