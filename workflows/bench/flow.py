"""Benchmark of flow: milliseconds per pair, against torchvision and against a lower bound."""

import statistics
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...engines.environment import describe_device
from ...engines.flow.estimate import FlowEstimator
from ...engines.flow.family import FlowFamily, Reference, flow_family
from ...engines.flow.flow import Flow
from ...engines.models.families import find_family
from ...engines.models.model import Model
from ...engines.models.registry import own, resolve
from ...engines.render.flow_drawing import draw_flow
from ...engines.runtime.engine import Engine, build_engine
from ...engines.runtime.network import network_of
from ...engines.runtime.tensor_spec import DTYPES
from .measure import at_least_one, bench_report, footage_of, peak, reset_peak, taken


def bench_flow(
    video: Path,
    *,
    model: str = "raft_small",
    size: tuple[int, int] = (512, 512),
    batch: int = 16,
    updates: int = 0,
    both: bool = False,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    runs: int = 10,
    baseline: bool = True,
) -> dict[str, Any]:
    """Measure milliseconds per pair, from frames on the device to their flow there.

    model:    a name of the registry or FAMILY:FILE; the name of a family whose original
              implementation is known (RAFT's) stands for random weights, which take as long; dis:
              OpenCV's, with drawing, on the frames of `video`
    size:     height and width; both are multiples of the network's stride
    batch:    pairs per call; a single pair is measured, too
    updates:  update iterations; 0: the network's default
    both:     estimate both directions in one pass
    baseline: also measure the original implementation, eager, on the same pairs, if it is known

    Figures are medians over `runs`, after calls that are not counted. Raises `InputError` for
    numbers below 1.
    """
    at_least_one(batch=batch, runs=runs)
    frames = footage_of(video, size, batch + 1)
    results: dict[str, Any] = {
        "model": model,
        "size": [size[1], size[0]],
        "batch": batch,
        "runs": runs,
        "threads": torch.get_num_threads(),
    }
    if model == "dis":
        return bench_report("flow", results | _dis(frames, runs))
    with tempfile.TemporaryDirectory() as folder:
        chosen = _model(model, Path(folder)).with_options(updates=updates, both=both)
        network = network_of(chosen)
        engine = build_engine(
            chosen,
            network,
            device=device,
            backend=backend,
            precision=precision,
            max_batch=batch + 1,
        )
        results |= {
            "model": chosen.name,
            "network": network.name,
            "backend": engine.backend,
            "precision": engine.precision,
            "device": describe_device(engine.device),
            "ms_per_pair": {},
        }
        images = frames.movedim(-1, 1).to(engine.device).contiguous()
        with torch.inference_mode():
            for pairs in dict.fromkeys((batch, 1)):
                reset_peak(engine.device)  # includes capturing a graph
                spent = taken(partial(engine.infer, images[: pairs + 1]), engine.device, runs)
                results["ms_per_pair"][str(pairs)] = spent / pairs
                results.setdefault("gpu_bytes", {})[str(pairs)] = peak(engine.device)
            reference = flow_family(chosen).reference
            if baseline and reference is not None:
                results["torchvision"] = _theirs(reference, chosen, engine, images, batch, runs)
                results["floor"] = _floor(reference, chosen, engine, size)
    return bench_report("flow", results)


def _model(name: str, folder: Path) -> Model:
    """Return the model of a name; a bare family gets random weights."""
    family = find_family(name)
    if not isinstance(family, FlowFamily) or family.reference is None:
        model = resolve(name)
        flow_family(model)
        return model
    torch.manual_seed(0)
    path = folder / "random.pth"
    torch.save(family.reference.make().state_dict(), path)
    # The seed is fixed, so that an engine built for these weights is found in the cache.
    entry = own(name, path.name).with_file(path.name, sha256="0" * 64)
    return Model.of_file(replace(entry, name=f"{name} (random weights)"), path)


def _dis(frames: Tensor, runs: int) -> dict[str, Any]:
    """Measure every preset of DIS, with drawing the flow."""
    presets = {}
    for preset in ("ultrafast", "fast", "medium"):
        spent: dict[str, list[float]] = {"estimate": [], "draw": []}
        for _ in range(runs + 1):
            started = time.perf_counter()
            flow: Flow = FlowEstimator(preset=preset).update(frames)
            between = time.perf_counter()
            draw_flow(flow)
            spent["estimate"].append(between - started)
            spent["draw"].append(time.perf_counter() - between)
        part = {
            name: statistics.median(times[1:]) / len(frames) * 1000 for name, times in spent.items()
        }
        presets[preset] = part | {"fps": 1000 / sum(part.values())}
    return {
        "device": describe_device(torch.device("cpu")),
        "frames": len(frames),
        "presets": presets,
    }


def _theirs(
    reference: Reference, model: Model, engine: Engine, images: Tensor, batch: int, runs: int
) -> dict[str, float]:
    """Return milliseconds per pair of the original network, eager.

    It is measured in fp32, and in the engine's precision by autocast, as it does not run entirely
    in another precision.
    """
    theirs = reference.make()
    theirs.load_state_dict(torch.load(model.path, map_location="cpu", weights_only=True))
    updates = int(model.options.get("updates", reference.updates))
    network = theirs.eval().to(engine.device)
    times = {}
    for name in dict.fromkeys(("fp32", engine.precision)):
        for pairs in dict.fromkeys((batch, 1)):
            call = partial(reference.call, network, images[: pairs + 1], updates)
            with torch.autocast(engine.device.type, DTYPES[name], enabled=name != "fp32"):
                spent = taken(call, engine.device, min(runs, 5))
            times[f"{name}, {pairs}"] = spent / pairs
    return times


def _floor(
    reference: Reference, model: Model, engine: Engine, size: tuple[int, int]
) -> dict[str, float]:
    """Return the milliseconds per pair of its matrix products alone, at the rate of large ones."""
    updates = int(model.options.get("updates", reference.updates))
    part = size[0] * size[1] / 512**2
    work = (reference.encode + reference.update * updates) * part + reference.correlate * part**2
    side = 8192 if engine.device.type == "cuda" else 1024
    one = torch.randn(side, side, device=engine.device).to(DTYPES[engine.precision])
    spent = taken(lambda: one @ one, engine.device, 5)
    rate = 2 * side**3 / spent / 1e9  # TFLOP/s
    return {"gflop": 2 * work, "tflop_per_s": rate, "ms_per_pair": 2 * work / rate}
