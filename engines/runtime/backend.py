"""What the runtime asks of a backend.

This module and the modules in backends/ import nothing heavy, so that menus and the command line
can name the backends; a library is imported by the method that needs it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from .build import BuildRequest
    from .cache import Artifact, Check
    from .runner import Runner

PRECISIONS = ("fp32", "fp16", "bf16")

Progress = Callable[[str, int, int], None]  # phase of a build, its step, its number of steps


@dataclass(frozen=True)
class Capability:
    """What this machine can do with one backend on one kind of device.

    reason: why it is not usable; "" if it is
    cure:   the one command that would make it usable; "" if there is none
    """

    backend: str
    device: str
    reason: str = ""
    cure: str = ""

    @property
    def usable(self) -> bool:
        """Whether the backend can run on the device."""
        return not self.reason

    @property
    def title(self) -> str:
        """The backend and the kind of device, for a table."""
        return f"{self.backend} ({self.device})"


@dataclass(frozen=True)
class Rung:
    """One way to run a network.

    capabilities: cards of other machines that the file is built for, such as "sm89"; () = `device`
    """

    backend: str
    device: torch.device
    precision: str
    capabilities: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.backend} {self.precision} on {self.device}"


class Backend(ABC):
    """One way to run networks: what this machine can do with it, building and loading.

    name:        as in menus, reports and on the command line
    preference:  "auto" tries the backend with the highest number first
    devices:     kinds of device that it runs on
    precisions:  that it runs networks in
    is_pytorch:  whether it runs a network's torch module, rather than its ONNX graph
    keeps_file:  whether `build` makes a file that the engine cache keeps
    portable:    whether that file can be built, and used, on any machine
    builds_for:  cards of other machines that it can build for
    """

    name: ClassVar[str]
    preference: ClassVar[int]
    devices: ClassVar[tuple[str, ...]] = ("cuda",)
    precisions: ClassVar[tuple[str, ...]] = ("fp32", "fp16")
    is_pytorch: ClassVar[bool] = False
    keeps_file: ClassVar[bool] = True
    portable: ClassVar[bool] = False
    builds_for: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def capability(self, device: str) -> Capability:
        """Return what this machine can do with it on a kind of device of `devices`.

        Imports nothing that is slow to import, and needs no network.
        """

    def runs_on(self, device: str) -> bool:
        """Return whether it runs on a kind of device."""
        return device in self.devices

    def left_out(self, device: str) -> str:
        """Return why "auto" does not take it on a kind of device although it works, or ""."""
        return ""

    def built_if_asked(self, device: str) -> str:
        """Return why "auto" takes it on a kind of device only if its file has been built before, or
        "" if "auto" builds it."""
        return ""

    @abstractmethod
    def load(self, request: BuildRequest, rung: Rung, path: Path | None) -> Runner:
        """Load the file that `build` made, or if it keeps none the weights, into a runner.

        The runner may take the network's own number of images per call only (`Network.batch`).
        Raises `EngineError` if it cannot.
        """

    def build(self, request: BuildRequest, rung: Rung, check: Check) -> Artifact:
        """Return the file of an engine from the cache, building it if necessary.

        check: see `EngineCache.fetch`

        Raises `EngineError` if the build fails. Only called if `keeps_file`.
        """
        raise NotImplementedError(f"{self.name} keeps a file and needs a way to build it")

    def owns(self, key: Mapping[str, Any]) -> bool:
        """Return whether it built the cached engine with this key."""
        return False

    def outdated(self, key: Mapping[str, Any]) -> str:
        """Return why this installation will never load an engine that it built, or ""."""
        return ""


def torch_cuda() -> Capability:
    """Return whether PyTorch can use an NVIDIA GPU here."""
    import torch

    if torch.cuda.is_available():
        return Capability("torch", "cuda")
    if torch.version.cuda is None and torch.version.hip is None:
        return Capability(
            "torch",
            "cuda",
            reason=f"PyTorch {torch.__version__} is a build without CUDA",
            cure="pip install --force-reinstall torch",
        )
    return Capability(
        "torch",
        "cuda",
        reason="PyTorch finds no NVIDIA GPU or no driver for it",
        cure="nvidia-smi  (if there is a card and this fails, install NVIDIA's driver)",
    )


def needs_onnx(
    backend: str,
    device: str,
    package: str,
    installed: Callable[[], object],
    more: Sequence[str] = (),
) -> Capability:
    """Return the capability of a backend that runs exported networks.

    package:   what has to be installed for it
    installed: tells whether it is
    more:      further packages that it needs, named as their modules

    It needs the packages of the ONNX exporter as well, and on "cuda" a usable GPU.
    """
    from . import onnx_export

    if device == "cuda" and not torch_cuda().usable:
        return Capability(backend, device, torch_cuda().reason, torch_cuda().cure)
    missing = [
        *([] if installed() else [package]),
        *(name for name in more if find_spec(name) is None),
        *onnx_export.missing_packages(),
    ]
    if missing:
        return Capability(
            backend,
            device,
            reason=f"{' and '.join(missing)} not installed",
            cure=f"pip install {' '.join(missing)}",
        )
    return Capability(backend, device)


def other_torch(key: Mapping[str, Any]) -> str:
    """Return why an engine that depends on PyTorch's version will not be loaded, or ""."""
    import torch

    if key.get("torch") == torch.__version__:
        return ""
    return f"built by torch {key.get('torch')}, {torch.__version__} is installed"
