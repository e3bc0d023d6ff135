"""`kinograph bench flow`: milliseconds a pair, against torchvision and against what is possible."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...engines.environment import describe_device, versions
from ...engines.errors import InputError
from ...engines.families import check_flow, network_of
from ...engines.flow.estimate import FlowEstimator
from ...engines.flow.flow import Flow
from ...engines.models.registry import Model, own, resolve
from ...engines.render.flow_drawing import draw_flow
from ...engines.runtime.engine import Engine, build_engine
from ...engines.runtime.torch_runner import DTYPES
from ..execution.report import print_table
from .measure import footage_of, wait

# 10^9 multiplications and additions of a pair of 512x512: two frames' features, the context, an
# update, the correlation.
_COST = {
    "raft_small": (2 * 0.82 + 0.83, 3.59, 2.15),
    "raft_large": (2 * 17.8 + 17.8, 12.8, 4.29),
}


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
    """Milliseconds a pair, from frames on the device to their flow there.

    model:    a name of the registry or FAMILY:FILE; raft_small and raft_large alone have random
              weights, which take as long; dis: OpenCV's, with drawing, on the frames of `video`
    size:     height and width; sides are multiples of the network's stride
    batch:    pairs a call; a single pair is measured, too
    baseline: torchvision's own network, eager, on the same pairs, for RAFT

    Medians over `runs`, after calls that are not counted. Raises `InputError` for numbers that make
    no sense.
    """
    for name, value in (("batch", batch), ("runs", runs)):
        if value < 1:
            raise InputError(f"{name}: expected at least 1, found {value}")
    frames = footage_of(video, size, batch + 1)
    report: dict[str, Any] = {
        "subject": "flow",
        "model": model,
        "size": [size[1], size[0]],
        "batch": batch,
        "runs": runs,
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }
    if model == "dis":
        return report | _dis(frames, runs)
    with tempfile.TemporaryDirectory() as folder:
        found = replace(_model(model, Path(folder)), updates=updates, both=both)
        network = network_of(found)
        engine = build_engine(
            found,
            network,
            device=device,
            backend=backend,
            precision=precision,
            max_batch=batch + 1,
        )
        report |= {
            "model": found.name,
            "network": network.name,
            "backend": engine.backend,
            "precision": engine.precision,
            "device": describe_device(engine.device),
            "ms_per_pair": {},
        }
        images = frames.movedim(-1, 1).to(engine.device).contiguous()
        with torch.inference_mode():
            for pairs in dict.fromkeys((batch, 1)):
                _reset_peak(engine.device)  # capturing a graph is part of it
                taken = _taken(partial(engine.infer, images[: pairs + 1]), engine.device, runs)
                report["ms_per_pair"][str(pairs)] = taken / pairs
                report.setdefault("gpu_bytes", {})[str(pairs)] = _peak(engine.device)
            if baseline and found.entry.family in _COST:
                report["torchvision"] = _torchvision(found, engine, images, batch, runs)
                report["floor"] = _floor(found, engine, size)
    return report


def _model(name: str, folder: Path) -> Model:
    """The model; a bare family with random weights."""
    if name not in _COST:
        found = resolve(name)
        check_flow(found)
        return found
    from torchvision.models import optical_flow

    torch.manual_seed(0)
    path = folder / "random.pth"
    torch.save(getattr(optical_flow, name)(weights=None).state_dict(), path)
    entry = own(name, path.name)
    # The seed is fixed: an engine that was built for these weights is found again.
    return Model(replace(entry, sha256="0" * 64, name=f"{name} (random weights)"), path)


def _dis(frames: Tensor, runs: int) -> dict[str, Any]:
    """Every preset, with the flow drawn."""
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


def _torchvision(
    model: Model, engine: Engine, images: Tensor, batch: int, runs: int
) -> dict[str, float]:
    """Milliseconds a pair of torchvision's network, eager: in fp32 and, as it does not run in
    another precision throughout, with ours by autocast."""
    from torchvision.models import optical_flow

    family = model.entry.family
    theirs: nn.Module = getattr(optical_flow, family)(weights=None)
    theirs.load_state_dict(torch.load(model.path, map_location="cpu", weights_only=True))
    updates = model.updates or 12
    network = theirs.eval().to(engine.device)
    scaled = images * 2 - 1
    found = {}
    for name in dict.fromkeys(("fp32", engine.precision)):
        for pairs in dict.fromkeys((batch, 1)):
            one, two = scaled[:pairs], scaled[1 : pairs + 1]

            call = partial(network, one, two, num_flow_updates=updates)
            with torch.autocast(engine.device.type, DTYPES[name], enabled=name != "fp32"):
                taken = _taken(call, engine.device, min(runs, 5))
            found[f"{name}, {pairs}"] = taken / pairs
    return found


def _floor(model: Model, engine: Engine, size: tuple[int, int]) -> dict[str, float]:
    """Milliseconds a pair if nothing but its products of matrices had to be done, as fast as the
    device does large ones."""
    encode, update, correlate = _COST[model.entry.family]
    part = size[0] * size[1] / 512**2
    work = (encode + update * (model.updates or 12)) * part + correlate * part**2
    side = 8192 if engine.device.type == "cuda" else 1024
    one = torch.randn(side, side, device=engine.device).to(DTYPES[engine.precision])
    taken = _taken(lambda: one @ one, engine.device, 5)
    rate = 2 * side**3 / taken / 1e9  # TFLOP/s
    return {"gflop": 2 * work, "tflop_per_s": rate, "ms_per_pair": 2 * work / rate}


def _taken(call: Callable[[], object], device: torch.device, runs: int) -> float:
    """Milliseconds of a call to its end on the device."""
    times = []
    for number in range(runs + 2):
        wait(device)
        started = time.perf_counter()
        call()
        wait(device)
        if number > 1:
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0


def print_flow(report: dict[str, Any]) -> None:
    """The report as a table."""
    wide, high = report["size"]
    if "presets" in report:
        print(
            f"OpenCV's DIS, {report['frames']} frames of {wide}x{high}, {report['device']}, "
            f"{report['threads']} threads, median of {report['runs']} runs"
        )
        print_table(
            ["preset", "estimate", "draw", "frames/s"],
            [
                [name, f"{part['estimate']:.1f}", f"{part['draw']:.1f}", f"{part['fps']:.1f}"]
                for name, part in report["presets"].items()
            ],
            "estimate,draw,frames/s",
        )
        return
    print(
        f"{report['model']}, {report['network']}, pairs of {wide}x{high}\n{report['backend']} "
        f"{report['precision']} on {report['device']}, {report['threads']} threads, median of "
        f"{report['runs']} runs"
    )
    theirs: dict[str, float] = report.get("torchvision", {})
    others = list(dict.fromkeys(name.split(",")[0] for name in theirs))
    rows = []
    for pairs, ours in report["ms_per_pair"].items():
        row = [pairs, f"{ours:.3f}"]
        for name in others:
            other = theirs[f"{name}, {pairs}"]
            row += [f"{other:.3f}", f"{other / ours:.1f}"]
        rows.append(
            [*row, *([f"{held / 2**30:.2f}"] if (held := report["gpu_bytes"][pairs]) else [])]
        )
    header = ["pairs a call", "ms/pair"]
    for name in others:
        header += [f"torchvision {name}", "ratio"]
    header += ["GPU GiB"] if len(rows[0]) > len(header) else []
    print_table(header, rows, ",".join(header))
    if floor := report.get("floor"):
        best = min(report["ms_per_pair"].values())
        print(
            f"{floor['gflop']:.1f} GFLOP a pair at {floor['tflop_per_s']:.1f} TFLOP/s, as large "
            f"matrices run here: {floor['ms_per_pair']:.3f} ms; that is 1/"
            f"{best / floor['ms_per_pair']:.1f} of ours"
        )
