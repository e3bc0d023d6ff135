"""Which backends a request allows on this machine, in the order to try them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ..errors import EngineError
from .backend import PRECISIONS, Backend, Capability, Rung, torch_cuda
from .backends import backend_of, backends, names
from .devices import chosen_device
from .reason import Reason, Severity

__all__ = ["PRECISIONS", "Ladder", "capabilities", "ladder", "torch_cuda"]

_DEVICES = ("cuda", "cpu")


def capabilities() -> list[Capability]:
    """Return what this machine can do with every backend on every kind of device, best first."""
    return [b.capability(device) for device in _DEVICES for b in backends() if device in b.devices]


@dataclass(frozen=True)
class Ladder:
    """The ways that a request allows, best first, and why better ones are not among them."""

    rungs: tuple[Rung, ...]
    why: tuple[Reason, ...]


def ladder(
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    *,
    torch_runs: bool = True,
    left_out: Mapping[str, str] | None = None,
) -> Ladder:
    """Return what to try for a request, of which "auto" leaves a part open.

    torch_runs: False for a network that is an ONNX graph
    left_out:   backends that "auto" does not take -> why

    An explicit choice never falls back: `EngineError` says why it is not available.
    """
    if backend not in ("auto", *names()):
        raise EngineError(f"backend: expected auto or {', '.join(names())}, found {backend!r}")
    if precision not in ("auto", *PRECISIONS):
        raise EngineError(
            f"precision: expected auto or {', '.join(PRECISIONS)}, found {precision!r}"
        )
    why: list[Reason] = []
    where = chosen_device(device, why)
    chosen = precision
    if precision == "auto":
        chosen = "fp16" if where.type == "cuda" else "fp32"
        reason = "half the time of fp32 on a GPU" if where.type == "cuda" else "fastest on a CPU"
        why.append(Reason(f"precision {chosen}: {reason}"))
    else:
        why.append(Reason(f"precision {precision}: as asked"))
    if chosen == "bf16" and where.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise EngineError(f"precision bf16: {where} does not support it; choose fp16 or fp32")
    if backend != "auto":
        return _explicit(backend_of(backend), Rung(backend, where, chosen), why, torch_runs)
    rungs = []
    for each in backends():
        known = _obstacle(each, where.type, chosen, torch_runs)
        no = known.reason or each.left_out(where.type) or (left_out or {}).get(each.name, "")
        if no:
            why.append(Reason(no, Severity.LEFT_OUT, each.name, known.cure))
        else:
            rungs.append(Rung(each.name, where, chosen))
    if not rungs and device == "auto" and where.type == "cuda":
        text = "nothing that runs there runs this network"
        why.append(Reason(text, Severity.STEPPED_DOWN, "on the GPU"))
        below = ladder(backend, precision, "cpu", torch_runs=torch_runs, left_out=left_out)
        return Ladder(below.rungs, (*why, *below.why))
    return Ladder(tuple(rungs), tuple(why))


def _explicit(backend: Backend, rung: Rung, why: list[Reason], torch_runs: bool) -> Ladder:
    known = _obstacle(backend, rung.device.type, rung.precision, torch_runs)
    if known.reason:
        advice = f"; run: {known.cure}" if known.cure else ""
        raise EngineError(f"backend {backend.name}: {known.reason}{advice}")
    return Ladder((rung,), (*why, Reason(f"backend {backend.name}: as asked")))


def _obstacle(backend: Backend, device: str, precision: str, torch_runs: bool) -> Capability:
    """Return why a backend cannot run a network on a kind of device, if it cannot."""
    if backend.is_pytorch and not torch_runs:
        reason = "the model is an ONNX graph, which torch does not run"
        return Capability(backend.name, device, reason)
    if precision not in backend.precisions:
        others = [b.name for b in backends() if precision in b.precisions]
        reason = f"it runs in {' and '.join(backend.precisions)} only"
        also = f"; {', '.join(others)} runs {precision} too" if others else ""
        return Capability(backend.name, device, reason + also)
    if not backend.runs_on(device):
        reason = f"it runs on {' and '.join(backend.devices)} only"
        return Capability(backend.name, device, reason)
    return backend.capability(device)
