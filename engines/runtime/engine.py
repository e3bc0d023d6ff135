"""An engine: a network on a runner, with the limits it was built for and why it is this one."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import EngineError
from ..models.registry import Model
from . import parity
from .ladder import Choice, choose
from .network import Network
from .runner import Runner
from .torch_runner import TorchRunner

# glibc hands blocks of up to 32 MiB back to the next allocation; larger ones are mapped and
# zeroed anew at every use, which halves the network's speed on a CPU.
_CPU_BLOCK = 32 * 2**20


@dataclass(frozen=True)
class Engine:
    """A ready runner; what travels on a KINO_ENGINE socket.

    max_batch: most frames a call takes
    sizes:     smallest and largest longer side of the input in pixels
    verdict:   what the comparison with the reference said (law 3); None for the reference itself
    seconds:   time to build
    """

    model: Model
    network: Network
    runner: Runner
    choice: Choice
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
            *(f"- {reason}" for reason in self.choice.why),
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
) -> Engine:
    """Load `model`, put it on the best backend that the request allows, and check its answers.

    sizes: smallest and largest longer side; None = the network's own range.

    Raises `EngineError` when the request cannot be met or the answers differ from the reference.
    """
    started = time.perf_counter()
    low, high = sizes or network.sizes
    if max_batch < 1:
        raise EngineError(f"max_batch: expected at least 1, found {max_batch}")
    if not network.stride <= low <= high:
        raise EngineError(
            f"size range: expected {network.stride} <= min_size <= max_size, found {low} to {high}"
        )
    choice = choose(backend, precision, device)
    reference = TorchRunner(network.load(model.path), torch.device("cpu"), "fp32")
    verdict = None
    runner = reference
    if (choice.device.type, choice.precision) != ("cpu", "fp32"):
        runner = TorchRunner(network.load(model.path), choice.device, choice.precision)
        probe = _probe(network, low)
        verdict = parity.compare(
            reference.infer(probe), runner.infer(probe.to(choice.device)), choice.precision
        )
        reference.close()
        if not verdict.passed:
            runner.close()
            raise EngineError(
                f"engine {model.name}: {choice.backend} {choice.precision} on {choice.device} "
                f"disagrees with the reference ({verdict.reason}) and is not used; "
                "choose another precision"
            )
    return Engine(
        model=model,
        network=network,
        runner=runner,
        choice=choice,
        max_batch=max_batch,
        sizes=(low, high),
        verdict=verdict,
        seconds=time.perf_counter() - started,
    )


def _probe(network: Network, size: int) -> Tensor:
    """[2,3,S,S] fixed smooth noise: real pictures are smooth, and white noise excites nothing."""
    side = max(network.stride, size // network.stride * network.stride)
    noise = torch.rand(2, 3, side // 8, side // 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, size=(side, side), mode="bicubic").clamp(0, 1)
