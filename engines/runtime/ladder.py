"""Which backends exist, what this machine can do with them, and which one to take."""

import platform
from dataclasses import dataclass

import torch

from ..errors import EngineError

BACKENDS = ("torch",)  # best first
PRECISIONS = ("fp32", "fp16", "bf16")


@dataclass(frozen=True)
class Capability:
    """What this machine can do with one backend on one kind of device.

    `reason` says why it is not usable, `cure` the one command that would make it so ("" if none).
    """

    backend: str
    device: str
    usable: bool
    reason: str = ""
    cure: str = ""

    @property
    def title(self) -> str:
        return f"{self.backend} ({self.device})"


def capabilities() -> list[Capability]:
    """All backends on all kinds of device, best first."""
    return [_torch_cuda(), Capability("torch", "cpu", usable=True)]


def _torch_cuda() -> Capability:
    no = Capability("torch", "cuda", usable=False)
    if torch.cuda.is_available():
        return Capability("torch", "cuda", usable=True)
    if torch.version.cuda is None and torch.version.hip is None:
        return Capability(
            *(no.backend, no.device, False),
            reason=f"PyTorch {torch.__version__} is a build without CUDA",
            cure="pip install --force-reinstall torch"
            if platform.system() == "Linux"
            else "choose a CUDA build on pytorch.org/get-started and run the command shown there",
        )
    return Capability(
        *(no.backend, no.device, False),
        reason="PyTorch finds no NVIDIA GPU or no driver for it",
        cure="nvidia-smi  (if there is a card and this fails, install NVIDIA's driver)",
    )


@dataclass(frozen=True)
class Choice:
    """A backend, device and precision, and every reason on the way there, one a line."""

    backend: str
    device: torch.device
    precision: str
    why: tuple[str, ...]


def choose(backend: str, precision: str, device: str = "auto") -> Choice:
    """The best rung of the ladder for a request; "auto" leaves a part of it open.

    An explicit choice never falls back: `EngineError` says why it cannot be had. Every step down
    that "auto" takes stands in `why`.
    """
    if backend not in ("auto", *BACKENDS):
        raise EngineError(f"backend: expected auto or {', '.join(BACKENDS)}, found {backend!r}")
    if precision not in ("auto", *PRECISIONS):
        raise EngineError(
            f"precision: expected auto or {', '.join(PRECISIONS)}, found {precision!r}"
        )
    why: list[str] = []
    where = _device(device, why)
    if backend == "auto":
        backend = "torch"
        why.append("backend torch: the only one of this version")
    else:
        why.append(f"backend {backend}: as asked")
    if precision == "auto":
        precision = "fp16" if where.type == "cuda" else "fp32"
        why.append(
            f"precision {precision}: "
            + ("twice the speed of fp32 on a GPU" if where.type == "cuda" else "fastest on a CPU")
        )
    else:
        why.append(f"precision {precision}: as asked")
    if precision == "bf16" and where.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise EngineError(f"precision bf16: {where} does not support it; choose fp16 or fp32")
    return Choice(backend, where, precision, tuple(why))


def _device(device: str, why: list[str]) -> torch.device:
    cuda = _torch_cuda()
    if device == "auto":
        if cuda.usable:
            why.append(f"device cuda: {torch.cuda.get_device_name()}")
            return torch.device("cuda", torch.cuda.current_device())
        why.append(f"device cpu: {cuda.reason}")
        return torch.device("cpu")
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise EngineError(f"device: expected auto, cpu or cuda, found {device!r}") from error
    if where.type == "cuda":
        if not cuda.usable:
            raise EngineError(f"device {device}: {cuda.reason}; try: {cuda.cure}")
        where = torch.device(
            "cuda", torch.cuda.current_device() if where.index is None else where.index
        )
        if where.index >= torch.cuda.device_count():
            raise EngineError(
                f"device {device}: this machine has {torch.cuda.device_count()} CUDA devices"
            )
    elif where.type != "cpu":
        why.append(f"device {where}: unverified, Kinograph is tested on cpu and cuda")
    why.append(f"device {where}: as asked")
    return where
