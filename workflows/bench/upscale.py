"""Benchmark of upscaling: milliseconds per frame, of the network and of the whole node."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...engines.environment import describe_device
from ...engines.models.registry import resolve
from ...engines.runtime.engine import build_engine
from ...engines.runtime.network import network_of
from ...engines.upscale.family import upscale_family
from ...engines.upscale.upscale import Upscaler
from .measure import at_least_one, bench_report, footage_of, peak, reset_peak, taken

_BATCHES = 4  # of the measurement of everything


def bench_upscale(
    video: Path,
    *,
    model: str = "realesr_animevideov3_x4",
    size: tuple[int, int] = (464, 832),
    batch: int = 4,
    tile: int = 0,
    plain: bool = False,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    runs: int = 20,
) -> dict[str, Any]:
    """Measure milliseconds per frame: of the network, from pictures on the device to pictures
    there; and of everything, from frames on the host to frames there, as floats and as 8 bits, of
    four times as many frames per call, so that copies and computation can overlap.

    model: a name of the registry or FAMILY:FILE
    size:  height and width
    batch: frames per call
    tile:  longest side of tiles in the measurement of everything; 0: see `Upscaler`
    plain: without our own GPU kernels

    Figures are medians over `runs`, after calls that are not counted. Raises `InputError` for
    numbers below 1, and for a model that does not upscale.
    """
    at_least_one(batch=batch, runs=runs)
    chosen = resolve(model)
    if plain and "plain" in upscale_family(chosen).options:
        chosen = chosen.with_options(plain=True)
    network = network_of(chosen)
    longest = max(size)
    engine = build_engine(
        chosen,
        network,
        device=device,
        backend=backend,
        precision=precision,
        max_batch=batch,
        sizes=(min(128, longest), longest),
    )
    engine.full_batches = True
    frames = footage_of(video, size, batch)
    many = frames.repeat(_BATCHES, 1, 1, 1)
    images = frames.movedim(-1, 1).to(engine.device).contiguous()
    reset_peak(engine.device)
    with torch.inference_mode():
        ms = {"network": taken(partial(engine.infer, images), engine.device, runs) / batch}
        for name, eight_bit in (("whole, float", False), ("whole, 8 bit", True)):
            upscaler = Upscaler(engine, tile=tile, eight_bit=eight_bit)
            call = partial(upscaler.update, many)
            ms[name] = taken(call, engine.device, runs) / len(many)
    return bench_report(
        "upscale",
        {
            "model": chosen.name,
            "network": network.name,
            "size": [size[1], size[0]],
            "result": list(reversed(upscaler.size_of(size))),
            "batch": batch,
            "runs": runs,
            "threads": torch.get_num_threads(),
            "how": upscaler.described(size),
            "backend": engine.backend,
            "precision": engine.precision,
            "device": describe_device(engine.device),
            "ms_per_frame": ms,
            "gpu_bytes": peak(engine.device),
        },
    )
