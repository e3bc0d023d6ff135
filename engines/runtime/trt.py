"""The two flavours of TensorRT: which is installed, which cards it builds for, and building.

Both build strongly typed networks from an ONNX file whose precision is already decided: the one
way that works from TensorRT 10.0 to 11 and with TensorRT-RTX. Building happens in a separate
process (trt_worker.py), because TensorRT ends the process in which it fails, and does not release
its memory.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import EngineError
from .backend import Progress
from .worker import Message, run_worker

MODULES = {
    "tensorrt_rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings"),
    "tensorrt": ("tensorrt",),
}
# The cards that TensorRT-RTX runs on; it refuses 9.0 (H100, H200) when it loads an engine.
RTX_CAPABILITIES = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")

Shapes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # smallest, best, largest
Profile = Mapping[str, Shapes]  # by input

_WORKER = Path(__file__).with_name("trt_worker.py")


def importable(flavour: str) -> str:
    """Return the name of the flavour's installed module, "" if there is none."""
    for name in MODULES[flavour]:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:  # a folder of type stubs has no origin
            return name
    return ""


def load(flavour: str) -> Any:
    """Return the flavour's module. Raises `EngineError` if it is missing or does not load."""
    name = importable(flavour)
    if not name:
        raise EngineError(f"{flavour}: no module named {' or '.join(MODULES[flavour])}")
    try:
        return import_module(name)
    except (ImportError, OSError) as error:
        raise EngineError(f"{flavour}: {name} is installed but does not load: {error}") from error


def library_version(flavour: str) -> str:
    """Return the version of the flavour's library. Raises `EngineError` as `load` does."""
    return str(load(flavour).__version__)


def build_plan(
    onnx: Path,
    target: Path,
    *,
    flavour: str,
    profiles: Sequence[Profile],
    timings: Path,
    capabilities: Sequence[str] = (),
    progress: Progress | None = None,
) -> None:
    """Build an engine from an ONNX file into `target`.

    profiles:     the ranges of shapes that the engine must take, for every input
    timings:      file of kernel timings that builds for one card and version share
    capabilities: cards to build for, such as "sm89" (TensorRT-RTX only; needs no card);
                  () = the card of this machine
    progress:     called with a phase, its step and its number of steps; an exception that it
                  raises, like any other, ends the build and is passed on

    Raises `EngineError` with TensorRT's own message if parsing or building fails.
    """
    module = importable(flavour)
    if not module:
        raise EngineError(f"{flavour}: no module named {' or '.join(MODULES[flavour])}")
    if capabilities and flavour != "tensorrt_rtx":
        raise EngineError("building for another card needs TensorRT-RTX (flavour tensorrt_rtx)")
    for name in capabilities:
        if name not in RTX_CAPABILITIES:
            raise EngineError(
                f"capability: expected one of {', '.join(RTX_CAPABILITIES)}, found {name!r}"
            )
    request = {
        "flavour": flavour,
        "module": module,
        "onnx": str(onnx),
        "target": str(target),
        "profiles": [dict(profile) for profile in profiles],
        "timings": str(timings),
        "capabilities": list(capabilities),
    }
    last: dict[str, Any] = {}
    at: tuple[str, int, int] | None = None

    def heard(message: Message) -> bool:
        nonlocal at
        if "phase" not in message:
            last.update(message)
            return True
        at = (message["phase"], message["step"], message["steps"])
        return False

    def tick() -> None:
        if progress is not None and at is not None:
            progress(*at)

    ended = run_worker(_WORKER, request, heard, tick)
    if "done" not in last:
        raise EngineError(f"{flavour} cannot build {onnx.name}: {last.get('error') or ended}")
