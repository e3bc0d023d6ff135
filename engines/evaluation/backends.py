"""Compare and time the same network on several backends.

One report for both questions; its form is the one of YOLOZU's backend suite. A backend that cannot
be used is unavailable, never passed, and every output of every backend is compared.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import psutil
import torch
from torch import Tensor

from ..errors import EngineError, InputError, KinographError, ParityError
from ..models.model import Model
from ..runtime import parity
from ..runtime.backends import names
from ..runtime.cache import EngineCache
from ..runtime.devices import wait
from ..runtime.engine import Engine, build_engine
from ..runtime.network import network_of
from ..runtime.probe import examples, probe
from ..runtime.reference import reference
from .report import report

SCHEMA = 1
PACKAGES = (
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "tensorrt",
    "tensorrt-rtx-cu13-libs",
)


def run_suite(
    model: Model,
    backends: Sequence[str] = (),
    *,
    device: str = "auto",
    precision: str = "auto",
    cache: EngineCache | None = None,
    runs: int = 0,
    warmup: int = 5,
    batch: int = 1,
    size: tuple[int, int] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Compare `backends`, by default all, with the reference on fixed inputs, and time them if
    `runs` is not 0.

    runs:  calls to measure, after `warmup` calls that are not
    batch: images per call; size: height and width, None = 16:9 at the recommended size
    progress: called with 1 after each backend; may raise to cancel

    Returns the report: parity.candidates[NAME] has "available", "passed", "reason" and each
    output's "error", "threshold" and "passed"; benchmark.results[] has "name" and "metrics".
    Raises `InputError` for an unknown backend or numbers out of range.
    """
    backends = backends or names()
    for name in backends:
        if name not in names():
            raise InputError(f"backends: expected some of {', '.join(names())}, found {name!r}")
    for name, value, least in (("runs", runs, 0), ("warmup", warmup, 0), ("batch", batch, 1)):
        if value < least:
            raise InputError(f"{name}: expected at least {least}, found {value}")
    network = network_of(model)
    first = network.inputs[0].name
    shape = _shape(model, batch, size)
    inputs = [
        probe(network, network.sizes[0]),
        examples(network, network.min_batch, *shape[2:]),
    ]
    runner = reference(model, network)
    wanted = [runner.infer(given) for given in inputs]
    runner.close()
    candidates: dict[str, Any] = {}
    timings = []
    for number, name in enumerate(backends):
        if number:
            progress(1)
        before = memory()
        try:
            engine = build_engine(
                model,
                network,
                backend=name,
                device=device,
                precision=precision,
                max_batch=max(2, batch, network.min_batch),
                cache=cache,
            )
        except KinographError as error:
            # a backend that disagrees is available and failed; the rest are unavailable
            there = isinstance(error, ParityError)
            candidates[name] = {"available": there, "passed": False, "reason": str(error)}
            continue
        candidates[name] = _judged(engine, inputs, wanted)
        if runs:
            timings.append(timed(engine, shape, runs, warmup, before))
        engine.unload()
    progress(1)
    results = {
        "parity": {
            "enabled": True,
            "reference": "torch fp32 on cpu",
            "thresholds": dict(parity.TOLERANCES),
            "measure": "norm of the difference by norm of the reference, of each output",
            "inputs": [list(given[first].shape) for given in inputs],
            "candidates": candidates,
        },
        "benchmark": {
            "enabled": bool(runs),
            "input": list(shape),
            "warmup": warmup,
            "runs": runs,
            "results": timings,
        },
    }
    about = {"model": model.name, "weights_sha256": model.entry.sha256}
    return report("backends", SCHEMA, results, about=about, packages=PACKAGES)


def passed(report: dict[str, Any], backends: Sequence[str]) -> bool:
    """Return whether each of `backends` was available and agreed."""
    candidates = report["parity"]["candidates"]
    return all(candidates[name]["available"] and candidates[name]["passed"] for name in backends)


def _shape(model: Model, batch: int, size: tuple[int, int] | None) -> tuple[int, int, int, int]:
    network = network_of(model)
    wide = model.entry.recommended_size
    if size is None:
        high = max(network.least, round(wide * 9 / 16 / network.stride) * network.stride)
        size = high, wide
    if any(side % network.stride or side < network.least for side in size):
        raise InputError(
            f"size: expected sides from {network.least} that are multiples of {network.stride}, "
            f"found {size[1]}x{size[0]}"
        )
    return max(batch, network.min_batch), 3, *size


def _judged(engine: Engine, inputs: list[dict[str, Tensor]], wanted: list[Any]) -> dict[str, Any]:
    tolerance = parity.TOLERANCES[engine.precision]
    outputs: dict[str, dict[str, Any]] = {
        name: {"error": 0.0, "threshold": tolerance, "passed": True} for name in wanted[0]
    }
    reasons = []
    for given, right in zip(inputs, wanted, strict=True):
        try:
            found = engine.infer(on_device(engine.device, given))
            verdict = engine.network.compare(right, found, engine.precision)
        except EngineError as error:
            verdict = parity.Verdict(False, str(error), {})
        if not verdict.passed:
            shape = list(next(iter(given.values())).shape)
            reasons.append(f"input {shape}: {verdict.reason}")
        for name, output in outputs.items():
            if name not in verdict.errors:  # what was never compared has not passed
                output["passed"] = False
                continue
            output["error"] = max(output["error"], verdict.errors[name])
            output["passed"] &= verdict.errors[name] <= tolerance
    return {
        "available": True,
        "passed": not reasons and all(output["passed"] for output in outputs.values()),
        "reason": "; ".join(reasons),
        "device": str(engine.device),
        "precision": engine.precision,
        "why": list(engine.why),
        "outputs": outputs,
    }


def timed(
    engine: Engine, shape: tuple[int, int, int, int], runs: int, warmup: int, before: dict[str, int]
) -> dict[str, Any]:
    """Return the milliseconds per call, each to its end on the device, as a report holds them.

    before: memory before the engine was built
    """
    given = on_device(engine.device, examples(engine.network, shape[0], *shape[2:]))
    for _ in range(warmup):
        engine.infer(given)
    times = []
    for _ in range(runs):
        wait(engine.device)
        started = time.perf_counter()
        engine.infer(given)
        wait(engine.device)
        times.append((time.perf_counter() - started) * 1000)
    times.sort()

    def percentile(part: float) -> float:
        return times[min(len(times) - 1, int(part * len(times)))]

    mean = statistics.fmean(times)
    return {
        "name": engine.backend,
        "device": str(engine.device),
        "precision": engine.precision,
        "metrics": {
            "fps": shape[0] * 1000 / mean,
            "latency_ms": {
                "mean": mean,
                **{f"p{n}": percentile(n / 100) for n in (50, 90, 95, 99)},
                "min": times[0],
                "max": times[-1],
            },
        },
        "memory_before": before,
        "memory_after": memory(),
    }


def on_device(device: torch.device, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return inputs on a device."""
    return {name: value.to(device) for name, value in inputs.items()}


def memory() -> dict[str, int]:
    """Return the bytes that this process holds, and that PyTorch holds on the GPU."""
    held = {"process": int(psutil.Process().memory_info().rss)}
    if torch.cuda.is_available():
        held["cuda"] = torch.cuda.memory_reserved()
    return held
