"""Build one TensorRT engine, in a separate process.

Run by its path, because inside ComfyUI the package has no importable name; it therefore imports
nothing of Kinograph but its neighbour `worker_side`. The request is that of `trt.build_plan`; the
messages are {"phase", "step", "steps"}, finally {"done": true} or {"error"}.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Any


def build(request: dict[str, Any], say: Any) -> bytes:
    """Return the serialized engine."""
    rtx = request["flavour"] == "tensorrt_rtx"
    os.environ["POLYGRAPHY_USE_TENSORRT_RTX"] = "1" if rtx else "0"
    os.environ["POLYGRAPHY_AUTOINSTALL_DEPS"] = "0"
    trt = import_module(request["module"])
    sys.modules.setdefault(request["flavour"], trt)  # where only the bindings are installed

    from polygraphy.backend.trt import (
        CreateConfig,
        Profile,
        engine_bytes_from_network,
        network_from_onnx_bytes,
    )
    from polygraphy.logger import G_LOGGER

    G_LOGGER.module_severity = G_LOGGER.ERROR
    parts = network_from_onnx_bytes(Path(request["onnx"]).read_bytes(), strongly_typed=True)
    builder, network, _ = parts
    names = [network.get_input(index).name for index in range(network.num_inputs)]
    profiles = []
    for shapes in request["profiles"]:
        profile = Profile()
        for name in names:
            profile.add(name, *map(tuple, shapes[name]))
        profiles.append(profile)
    common: dict[str, Any] = {"profiles": profiles, "progress_monitor": _monitor(trt, say)}
    if rtx:
        from polygraphy.backend.tensorrt_rtx import CreateConfigRTX

        capabilities = request["capabilities"]
        config = CreateConfigRTX(
            use_gpu=not capabilities,
            compute_capabilities=[_numbers(c) for c in capabilities] or None,
            **common,
        )
        plan: Any = engine_bytes_from_network(parts, config)
        return bytes(memoryview(plan))
    timings = Path(request["timings"])
    known = str(timings) if timings.is_file() else None
    made = CreateConfig(load_timing_cache=known, **common)(builder, network)
    plan = engine_bytes_from_network(parts, made)
    _keep_timings(made, timings)
    return bytes(memoryview(plan))


def _keep_timings(config: Any, path: Path) -> None:
    """Merge the timings of this build with those that others have saved meanwhile."""
    from filelock import FileLock

    with FileLock(path.with_suffix(".lock")):
        cache = config.get_timing_cache()
        if path.is_file():
            cache.combine(config.create_timing_cache(path.read_bytes()), ignore_mismatch=True)
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        aside.write_bytes(bytes(memoryview(cache.serialize())))
        aside.replace(path)


def _numbers(capability: str) -> tuple[int, int]:
    """sm89 -> (8, 9); sm120 -> (12, 0)."""
    digits = capability.removeprefix("sm")
    return int(digits[:-1]), int(digits[-1])


def _monitor(trt: Any, say: Any) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self.steps[phase] = steps

        def step_complete(self, phase: str, step: int) -> bool:
            say(phase=phase, step=step, steps=self.steps.get(phase, 0))
            return True

        def phase_finish(self, phase: str) -> None:
            self.steps.pop(phase, None)

    return Monitor()


if __name__ == "__main__":
    run_path(str(Path(__file__).with_name("worker_side.py")))["serve"](build)
