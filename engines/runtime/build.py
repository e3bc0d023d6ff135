"""From a rung of the ladder to a runner: loaded from the cache, or built now."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..models.model import Model
from .backend import Progress, Rung
from .backends import backend_of
from .cache import EngineCache, Key
from .fixed_batch import any_batch
from .network import Network
from .runner import Runner
from .trt import Profile

Verify = Callable[[Runner], Key | None]


@dataclass(frozen=True)
class BuildRequest:
    """What an engine must be able to do, and where built ones are cached.

    max_batch: most images per call
    sizes:     smallest and largest longer side, px
    progress:  called with a phase of a build, its step and its number of steps; what it raises
               ends the build
    """

    model: Model
    network: Network
    max_batch: int
    sizes: tuple[int, int]
    cache: EngineCache
    progress: Progress | None = None

    def profiles(self) -> list[Profile]:
        """Return the shapes, by input, that an engine is built for: one image at a time, and many.

        The longer side spans `sizes`, the shorter one goes down to the network's least. The best
        is 16:9 at the recommended size.
        """
        network, most = self.network, self.sizes[1]
        width = min(max(self.model.entry.recommended_size, self.sizes[0]), most)
        height = max(network.least, round(width * 9 / 16 / network.stride) * network.stride)
        few, many = network.batch or network.min_batch, network.batch or self.max_batch

        def profile(best: int, largest: int) -> Profile:
            low = network.axes(few, network.least, network.least, largest=False)
            middle = network.axes(best, height, width)
            high = network.axes(largest, most, most)
            return {
                spec.name: (spec.shape(low), spec.shape(middle), spec.shape(high))
                for spec in network.inputs
            }

        return [profile(few, few), *([profile(many, many)] if many > few else [])]

    def described(self, rung: Rung) -> Key:
        """Return what the sidecar keeps, so that the engine can be rebuilt."""
        return {
            "model": self.model.name,
            "options": dict(self.model.options),
            "backend": rung.backend,
            "precision": rung.precision,
            "device": rung.device.type,
            "max_batch": self.max_batch,
            "sizes": list(self.sizes),
            "capabilities": list(rung.capabilities),
        }


@dataclass(frozen=True)
class Made:
    """A runner, the file that it was loaded from if any, and notes on the way.

    came: how it came to be: "ready" without a file, "built", or "loaded" from a file of before
    """

    runner: Runner
    artifact: Path | None = None
    notes: tuple[str, ...] = ()
    came: str = "ready"


def make_runner(rung: Rung, request: BuildRequest, verify: Verify = lambda runner: None) -> Made:
    """Return the runner of a rung, building its file if necessary.

    verify: raises `EngineError` if the runner's outputs are wrong; a cached file that fails it is
            rebuilt once

    Raises `EngineError` if the runner cannot be built or loaded, or its outputs are wrong.
    """
    backend = backend_of(rung.backend)
    loaded: list[Runner] = []

    def check(path: Path | None) -> Key | None:
        loaded[:] = [any_batch(backend.load(request, rung, path), request.network)]
        try:
            return verify(loaded[0])
        except BaseException:
            loaded[0].close()
            raise

    if not backend.keeps_file:
        check(None)
        return Made(loaded[0])
    artifact = backend.build(request, rung, check)
    state = "built" if artifact.built else "cached"
    notes = (*artifact.notes, f"{state}: {artifact.path.name}")
    return Made(loaded[0], artifact.path, notes, "built" if artifact.built else "loaded")


def card_of(device: torch.device) -> list[Any]:
    """Return what distinguishes a card in a cache key: name, capability and multiprocessors."""
    card = torch.cuda.get_device_properties(device)
    return [card.name, card.major, card.minor, card.multi_processor_count]
