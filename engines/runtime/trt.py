"""The two TensorRT flavours: which is importable, what it builds for, and how it builds.

Both build strongly typed networks from an ONNX file whose precision is already decided: the one
way that holds from TensorRT 10.0 to 11 and for TensorRT-RTX. Building happens in a process of its
own (trt_worker.py): TensorRT ends the process that it fails in, and keeps its memory.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from ..errors import EngineError

MODULES = {
    "tensorrt_rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings"),
    "tensorrt": ("tensorrt",),
}
# What TensorRT-RTX runs on; it refuses 9.0 (H100, H200) when an engine is deserialised.
RTX_CAPABILITIES = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")

Progress = Callable[[str, int, int], None]
Profile = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # smallest, best, largest

_WORKER = Path(__file__).with_name("trt_worker.py")


def importable(flavour: str) -> str:
    """The name of the flavour's module that is installed; "" if none is."""
    for name in MODULES[flavour]:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:  # a folder of type stubs has no origin
            return name
    return ""


def load(flavour: str) -> Any:
    """The flavour's module. Raises `EngineError` when it is not installed or does not load."""
    name = importable(flavour)
    if not name:
        raise EngineError(f"{flavour}: no module named {' or '.join(MODULES[flavour])}")
    try:
        return import_module(name)
    except (ImportError, OSError) as error:
        raise EngineError(f"{flavour}: {name} is installed but does not load: {error}") from error


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
    """Build an engine from an ONNX file with one input, to `target`.

    profiles:     the shapes [N,3,H,W] that it must take
    timings:      file of kernel timings that builds for one card and version share
    capabilities: cards to build for, such as "sm89" (TensorRT-RTX only, needs no card);
                  () = the card of this machine
    progress:     called with a phase, its step and its number of steps; an exception that it
                  raises, as any other, ends the build and comes out here

    Raises `EngineError` with TensorRT's own words when parsing or building fails.
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
        "profiles": profiles,
        "timings": str(timings),
        "capabilities": list(capabilities),
    }
    with tempfile.TemporaryFile() as words:
        worker = subprocess.Popen(
            [sys.executable, str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            encoding="utf-8",
        )
        try:
            last = _follow(worker, request, progress)
        finally:
            # Here on success, on failure, and when the user cancels.
            worker.kill()
            worker.communicate()
        if "done" not in last:
            reason = last.get("error") or f"the build ended with status {worker.returncode}"
            raise EngineError(f"{flavour} cannot build {onnx.name}: {reason}{_said(words)}")


def _follow(
    worker: subprocess.Popen[str], request: dict[str, Any], progress: Progress | None
) -> dict[str, Any]:
    """The worker's last message, {} when it died without one."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(json.dumps(request) + "\n")
        worker.stdin.flush()
    except BrokenPipeError:
        return {}
    for line in worker.stdout:
        message: dict[str, Any] = json.loads(line)
        if "phase" not in message:
            return message
        if progress is not None:
            progress(message["phase"], message["step"], message["steps"])
    worker.wait()
    return {}


def _said(words: IO[bytes]) -> str:
    """The last lines that the worker's libraries printed, which often hold the reason."""
    words.seek(0)
    lines = [line for line in words.read().decode(errors="replace").splitlines() if line.strip()]
    return "".join(f"\n  {line.strip()}" for line in lines[-3:])
