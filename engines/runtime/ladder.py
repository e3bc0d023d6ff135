"""Which backends exist, what this machine can do with them, and in which order to try them."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from ..errors import EngineError
from . import onnx_export, trt

BACKENDS = (  # best first
    "tensorrt_rtx",
    "tensorrt",
    "onnxruntime",
    "torch_compiled",
    "torch_cudagraph",
    "torch",
)
PRECISIONS = ("fp32", "fp16", "bf16")


@dataclass(frozen=True)
class Capability:
    """What this machine can do with one backend on one kind of device.

    `reason` says why it is not usable, `cure` the one command that would make it so ("" if none).
    """

    backend: str
    device: str
    reason: str = ""
    cure: str = ""

    @property
    def usable(self) -> bool:
        return not self.reason

    @property
    def title(self) -> str:
        return f"{self.backend} ({self.device})"


def capabilities() -> list[Capability]:
    """All backends on all kinds of device, best first."""
    return [
        _tensorrt_rtx(),
        _tensorrt(),
        _onnxruntime("cuda"),
        _torch_compiled("cuda"),
        Capability("torch_cudagraph", "cuda", torch_cuda().reason, torch_cuda().cure),
        torch_cuda(),
        _onnxruntime("cpu"),
        _torch_compiled("cpu"),
        Capability("torch", "cpu"),
    ]


def torch_cuda() -> Capability:
    """Whether PyTorch can use an NVIDIA GPU here."""
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


def _tensorrt_rtx() -> Capability:
    package = f"tensorrt-rtx-cu{_cuda_major()}"
    no = _needs("tensorrt_rtx", "cuda", package, lambda: trt.importable("tensorrt_rtx"))
    if no.usable:
        card = "sm{}{}".format(*torch.cuda.get_device_capability())
        if card not in trt.RTX_CAPABILITIES:
            return Capability(
                "tensorrt_rtx", "cuda", f"TensorRT-RTX does not run on this card ({card})"
            )
    return no


def _tensorrt() -> Capability:
    package = f"tensorrt-cu{_cuda_major()}"
    return _needs("tensorrt", "cuda", package, lambda: trt.importable("tensorrt"))


def _cuda_major() -> str:
    """Packages without a suffix are for the newest CUDA, whatever PyTorch was built for."""
    return (torch.version.cuda or "13").split(".")[0]


def _onnxruntime(device: str) -> Capability:
    package = "onnxruntime" if device == "cpu" else "onnxruntime-gpu"

    def there() -> bool:
        if find_spec("onnxruntime") is None:
            return False
        if device == "cpu":
            return True
        import onnxruntime

        return "CUDAExecutionProvider" in onnxruntime.get_available_providers()

    return _needs("onnxruntime", device, package, there)


def _torch_compiled(device: str) -> Capability:
    """AOTInductor: in torch from 2.6 on; it needs a C++ compiler and, for a GPU, triton."""
    if device == "cuda" and not torch_cuda().usable:
        return Capability("torch_compiled", device, torch_cuda().reason, torch_cuda().cure)
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        reason = f"PyTorch {torch.__version__} is too old, 2.6 is needed"
        return Capability("torch_compiled", device, reason, "pip install --upgrade torch")
    if device == "cuda" and find_spec("triton") is None:
        package = "triton-windows" if sys.platform == "win32" else "triton"
        return Capability(
            "torch_compiled", device, "triton not installed", f"pip install {package}"
        )
    compilers = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++", "cl"]
    if not any(map(shutil.which, compilers)):
        return Capability(
            "torch_compiled",
            device,
            f"no C++ compiler found ({', '.join(compilers)})",
            "sudo apt install g++" if sys.platform == "linux" else "",
        )
    return Capability("torch_compiled", device)


def _needs(backend: str, device: str, package: str, there: Callable[[], object]) -> Capability:
    """A backend that needs a package of its own, the ONNX exporter and perhaps a GPU."""
    missing = [] if there() else [package]
    missing += onnx_export.missing_packages()
    if device == "cuda" and not torch_cuda().usable:
        return Capability(backend, device, torch_cuda().reason, torch_cuda().cure)
    if missing:
        return Capability(
            backend,
            device,
            reason=f"{' and '.join(missing)} not installed",
            cure=f"pip install {' '.join(missing)}",
        )
    return Capability(backend, device)


@dataclass(frozen=True)
class Rung:
    """One way to run a network."""

    backend: str
    device: torch.device
    precision: str

    def __str__(self) -> str:
        return f"{self.backend} {self.precision} on {self.device}"


@dataclass(frozen=True)
class Ladder:
    """The ways that a request allows, best first, and why better ones are not among them."""

    rungs: tuple[Rung, ...]
    why: tuple[str, ...]


# What auto leaves out although it works.
_NOT_BY_ITSELF = {
    ("torch_compiled", "cpu"): "on a CPU it takes a minute to build and is no faster than torch"
}


def ladder(
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    *,
    torch_runs: bool = True,
    left_out: Mapping[str, str] | None = None,
) -> Ladder:
    """What to try for a request; "auto" leaves a part of it open.

    torch_runs: False for a network that is an ONNX graph
    left_out:   backends that "auto" does not take, and why

    An explicit choice never falls back: where it cannot be had, `EngineError` says why.
    """
    if backend not in ("auto", *BACKENDS):
        raise EngineError(f"backend: expected auto or {', '.join(BACKENDS)}, found {backend!r}")
    if precision not in ("auto", *PRECISIONS):
        raise EngineError(
            f"precision: expected auto or {', '.join(PRECISIONS)}, found {precision!r}"
        )
    why: list[str] = []
    where = _device(device, why)
    chosen = precision
    if precision == "auto":
        chosen = "fp16" if where.type == "cuda" else "fp32"
        reason = "half the time of fp32 on a GPU" if where.type == "cuda" else "fastest on a CPU"
        why.append(f"precision {chosen}: {reason}")
    else:
        why.append(f"precision {precision}: as asked")
    if chosen == "bf16" and where.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise EngineError(f"precision bf16: {where} does not support it; choose fp16 or fp32")
    rungs = []
    for name in BACKENDS if backend == "auto" else (backend,):
        reason, cure = _obstacle(name, where.type, chosen, torch_runs)
        if backend == "auto":
            no = _NOT_BY_ITSELF.get((name, where.type)) or (left_out or {}).get(name, "")
            reason = reason or no
        if not reason:
            rungs.append(Rung(name, where, chosen))
            if backend != "auto":
                why.append(f"backend {name}: as asked")
            continue
        if backend != "auto":
            advice = f"; run: {cure}" if cure else ""
            raise EngineError(f"backend {name}: {reason}{advice}")
        why.append(f"not {name}: {reason}")
    if not rungs and device == "auto" and where.type == "cuda":
        why.append("not on the GPU: nothing that runs there runs this network")
        below = ladder(backend, precision, "cpu", torch_runs=torch_runs, left_out=left_out)
        return Ladder(below.rungs, (*why, *below.why))
    return Ladder(tuple(rungs), tuple(why))


def _obstacle(backend: str, device: str, precision: str, torch_runs: bool) -> tuple[str, str]:
    """Why a backend cannot do it on a kind of device, and the command that helps; or "", ""."""
    if backend.startswith("torch") and not torch_runs:
        return "the model is an ONNX graph, which torch does not run", ""
    if backend == "torch":
        return "", ""
    if precision == "bf16":
        return "it runs in fp32 and fp16 only; torch runs bf16 too", ""
    known = {c.device: c for c in capabilities() if c.backend == backend}
    if device not in known:
        return f"it runs on {' and '.join(known)} only", ""
    return known[device].reason, known[device].cure


def _device(device: str, why: list[str]) -> torch.device:
    cuda = torch_cuda()
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
        index = torch.cuda.current_device() if where.index is None else where.index
        if index >= torch.cuda.device_count():
            raise EngineError(
                f"device {device}: this machine has {torch.cuda.device_count()} CUDA devices"
            )
        where = torch.device("cuda", index)
    elif where.type != "cpu":
        why.append(f"device {where}: unverified, Kinograph is tested on cpu and cuda")
    why.append(f"device {where}: as asked")
    return where
