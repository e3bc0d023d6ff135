"""Compare and time one checkpoint on several backends: every head, in order and as matched sets.

The report is that of `backends`; a backend that cannot be used is unavailable, never passed, and
nothing passes that was not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..detect.rtdetr_pose.agreement import as_matched_sets, largest_differences
from ..detect.rtdetr_pose.own import TrainedModel
from ..errors import EngineError, InputError, KinographError, ParityError
from ..files import sha256_of
from ..runtime import parity
from ..runtime.backends import names
from ..runtime.cache import EngineCache
from ..runtime.engine import Engine, build_engine
from ..runtime.probe import examples
from ..runtime.reference import reference
from .adapters.pictures import Picture
from .backends import PACKAGES, SCHEMA, memory, on_device, timed
from .report import report

_WAYS = ("ordered", "matched")
Limits = Mapping[str, float | None]


def run_object_suite(
    found: TrainedModel,
    source: Path,
    backends: Sequence[str] = (),
    *,
    device: str = "auto",
    precision: str = "auto",
    cache: EngineCache | None = None,
    batch: int = 4,
    samples: int = 2,
    pictures: Sequence[Picture] = (),
    limits: Limits | None = None,
    runs: int = 0,
    warmup: int = 5,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Compare `backends`, by default all, with PyTorch in fp32 on the CPU, one image at a time and
    `batch` at a time, and time them if `runs` is not 0.

    source:   the checkpoint
    samples:  inputs of each batch
    pictures: to look at; () = smooth noise, in which hardly anything is found
    limits:   most that "score" and "bbox" (parts of the picture) may differ; None: any
    runs:     calls to measure, after `warmup` calls that are not
    progress: called with 1 after each backend; may raise to cancel

    In parity.candidates[NAME] "outputs" has for each head the relative error "ordered" and
    "matched", the largest of all inputs, and "passed": within the tolerance in one of the two ways
    on every input. Raises `InputError` for an unknown backend, numbers out of range or too few
    pictures, and `MediaError` for a damaged one.
    """
    backends = backends or names()
    for name in backends:
        if name not in names():
            raise InputError(f"backends: expected some of {', '.join(names())}, found {name!r}")
    for name, value, least in (
        *(("batch", batch, 1), ("samples", samples, 1)),
        *(("iterations", runs, 0), ("warmup", warmup, 0)),
    ):
        if value < least:
            raise InputError(f"{name}: expected at least {least}, found {value}")
    inputs = _inputs(found, batch, samples, pictures)
    runner = reference(found.model, found.network)
    wanted = [runner.infer(given) for given in inputs]
    runner.close()
    candidates: dict[str, Any] = {}
    timings = []
    size = found.trained.module.config.size
    for name in backends:
        before = memory()
        try:
            engine = build_engine(
                found.model,
                found.network,
                backend=name,
                device=device,
                precision=precision,
                max_batch=max(2, batch),
                cache=cache,
            )
        except KinographError as error:
            # a backend that disagrees is available and failed; the rest are unavailable
            there = isinstance(error, ParityError)
            candidates[name] = {"available": there, "passed": False, "reason": str(error)}
            progress(1)
            continue
        candidates[name] = _judged(engine, inputs, wanted, limits or {})
        if runs:
            for images in dict.fromkeys((1, batch)):
                timing = timed(engine, (images, 3, *size), runs, warmup, before)
                timings.append({**timing, "images": images})
        engine.unload()
        progress(1)
    results = {
        "parity": {
            "enabled": True,
            "reference": "torch fp32 on cpu",
            "thresholds": dict(parity.TOLERANCES),
            "limits": dict(limits or {}),
            "measure": "norm of the difference by norm of the reference, of each output",
            "inputs": [list(given["images"].shape) for given in inputs],
            "of": "pictures" if pictures else "smooth noise",
            "candidates": candidates,
        },
        "benchmark": {
            "enabled": bool(runs),
            "input": [batch, 3, *size],
            "warmup": warmup,
            "runs": runs,
            "results": timings,
        },
    }
    about = {"model": str(source), "weights_sha256": sha256_of(source)}
    return report("backends", SCHEMA, results, about=about, packages=PACKAGES)


def _inputs(
    found: TrainedModel, batch: int, samples: int, pictures: Sequence[Picture]
) -> list[dict[str, Tensor]]:
    """Return so many inputs of one image and of `batch` images each."""
    size = found.trained.module.config.size
    batches = [images for images in dict.fromkeys((1, batch)) for _ in range(samples)]
    needed = sum(batches)
    if pictures:
        if len(pictures) < batch:
            raise InputError(f"batch: expected at most {len(pictures)}, as there are images")
        some = [pictures[number % len(pictures)].pixels(size)[0] for number in range(needed)]
        every = torch.stack([torch.from_numpy(image) for image in some])
        every = every.movedim(-1, 1).float().contiguous() / 255
    else:
        every = examples(found.network, needed, *size)["images"]
    return [{"images": part} for part in every.split(batches)]


def _judged(
    engine: Engine,
    inputs: Sequence[dict[str, Tensor]],
    wanted: Sequence[Mapping[str, Tensor]],
    limits: Limits,
) -> dict[str, Any]:
    tolerance = parity.TOLERANCES[engine.precision]
    outputs: dict[str, dict[str, Any]] = {
        name: {**dict.fromkeys(_WAYS, 0.0), "threshold": tolerance, "passed": True}
        for name in wanted[0]
    }
    apart = {"score": 0.0, "bbox": 0.0}
    reasons, rows = [], []
    for given, right in zip(inputs, wanted, strict=True):
        shape = list(given["images"].shape)
        try:
            found = engine.infer(on_device(engine.device, given))
        except EngineError as error:
            verdicts = [parity.Verdict(False, str(error), {})] * 2
            differences = None
        else:
            verdicts = [
                parity.compare(right, found, engine.precision),
                as_matched_sets(right, found, engine.precision),
            ]
            differences = largest_differences(right, found)
        rows.append(
            {
                "input": shape,
                **{
                    way: {"passed": verdict.passed, "reason": verdict.reason}
                    for way, verdict in zip(_WAYS, verdicts, strict=True)
                },
            }
        )
        if not any(verdict.passed for verdict in verdicts):
            reasons.append(f"input {shape}: {verdicts[0].reason}; {verdicts[1].reason}")
        for name, output in outputs.items():
            _note(output, name, verdicts, tolerance)
        for what in apart:
            apart[what] = max(apart[what], differences[what]) if differences else float("inf")
    if not reasons and (unseen := [name for name, o in outputs.items() if not o["passed"]]):
        reasons.append(
            f"{', '.join(unseen)}: the queries stand in another order, and nothing was found by "
            "which to match them; compare on pictures with objects"
        )
    told = {}
    for what, value in apart.items():
        most = limits.get(what)
        finite = value != float("inf")
        fits = finite and (most is None or value <= most)
        told[what] = {"max_abs": value if finite else None, "atol": most, "passed": fits}
        if finite and not fits:
            reasons.append(f"{what}: differs by {value:.2g}, at most {most:g} allowed")
    return {
        "available": True,
        "passed": not reasons
        and all(output["passed"] for output in outputs.values())
        and all(part["passed"] for part in told.values()),
        "reason": "; ".join(reasons),
        "device": str(engine.device),
        "precision": engine.precision,
        "why": list(engine.why),
        "outputs": outputs,
        "inputs": rows,
        **told,
    }


def _note(
    output: dict[str, Any], name: str, verdicts: Sequence[parity.Verdict], tolerance: float
) -> None:
    """Add a comparison of one head to what is told of it; None: it could not be compared."""
    fits = False
    for way, verdict in zip(_WAYS, verdicts, strict=True):
        error = verdict.errors.get(name)
        if error is None:
            output[way] = None
            continue
        if output[way] is not None:
            output[way] = max(output[way], error)
        fits |= verdict.passed or error <= tolerance
    output["passed"] &= fits
