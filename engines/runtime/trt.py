"""The two TensorRT flavours: which is importable, what it builds for, and how it builds.

Both build strongly typed networks from an ONNX file whose precision is already decided: the one
way that holds from TensorRT 10.0 to 11 and for TensorRT-RTX.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import EngineError
from .network import Network

MODULES = {
    "tensorrt_rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings"),
    "tensorrt": ("tensorrt",),
}
# What TensorRT-RTX runs on; it refuses 9.0 (H100, H200) when an engine is deserialised.
RTX_CAPABILITIES = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")


def importable(flavour: str) -> str:
    """The name of the flavour's module that is installed; "" if none is."""
    return next((name for name in MODULES[flavour] if find_spec(name) is not None), "")


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
    network: Network,
    *,
    flavour: str,
    max_batch: int,
    sizes: tuple[int, int],
    optimum: tuple[int, int, int],
    capabilities: Sequence[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> bytes:
    """Build an engine from an ONNX file.

    sizes:        smallest and largest longer side; the shorter one goes down to the stride
    optimum:      batch, height and width to optimise for
    capabilities: cards to build for, such as "sm89" (TensorRT-RTX only, needs no card);
                  () = the card of this machine
    progress:     called with a phase, its step and its number of steps; an exception that it
                  raises ends the build and comes out here

    Raises `EngineError` with TensorRT's own words when parsing or building fails.
    """
    trt = load(flavour)
    logger = _logger(trt)
    builder = trt.Builder(logger)
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    definition = builder.create_network(typed)
    parser = trt.OnnxParser(definition, logger)
    if not parser.parse(onnx.read_bytes()):
        problems = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise EngineError(f"{flavour} cannot parse {onnx.name}: {problems}")
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    least, most = network.stride, sizes[1]
    batch, height, width = optimum
    profile.set_shape(
        "images", (1, 3, least, least), (batch, 3, height, width), (max_batch, 3, most, most)
    )
    config.add_optimization_profile(profile)
    if capabilities:
        _target(trt, config, capabilities)
    monitor = None
    if progress is not None:
        monitor = _monitor(trt, progress)
        config.progress_monitor = monitor
    plan = builder.build_serialized_network(definition, config)
    if monitor is not None and monitor.raised is not None:
        raise monitor.raised
    if plan is None:
        raise EngineError(f"{flavour} cannot build {onnx.name}: {logger.last or 'no reason given'}")
    return bytes(memoryview(plan))


def _target(trt: Any, config: Any, capabilities: Sequence[str]) -> None:
    if not hasattr(trt, "ComputeCapability"):
        raise EngineError("building for another card needs TensorRT-RTX (flavour tensorrt_rtx)")
    config.num_compute_capabilities = len(capabilities)
    for index, name in enumerate(capabilities):
        if name not in RTX_CAPABILITIES:
            raise EngineError(
                f"capability: expected one of {', '.join(RTX_CAPABILITIES)}, found {name!r}"
            )
        config.set_compute_capability(getattr(trt.ComputeCapability, name.upper()), index)


def _logger(trt: Any) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]
        """Keeps the last error, for messages; prints nothing."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last = ""

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.last = message

    return Logger()


def _monitor(trt: Any, progress: Callable[[str, int, int], None]) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Hands on progress; an exception may not cross C++, so it is kept and ends the build."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}
            self.raised: BaseException | None = None

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self.steps[phase] = steps

        def step_complete(self, phase: str, step: int) -> bool:
            if self.raised is None:
                try:
                    progress(phase, step, self.steps.get(phase, 0))
                except BaseException as error:
                    self.raised = error
            return self.raised is None

        def phase_finish(self, phase: str) -> None:
            self.steps.pop(phase, None)

    return Monitor()
