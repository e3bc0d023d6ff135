"""Benchmark of the detector of objects: images per second in training and in use."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ...engines.datasets.made_cuboids import kinds, make_cuboids
from ...engines.detect.rtdetr_pose.config import SIZES
from ...engines.detect.rtdetr_pose.own import TrainedModel, trained_model
from ...engines.environment import describe_device
from ...engines.errors import EngineError, InputError
from ...engines.models import checkpoint
from ...engines.runtime.devices import chosen_device
from ...engines.runtime.engine import build_engine
from ...engines.runtime.tensor_spec import DTYPES
from ...engines.training.pixels import HeldPixels
from ...engines.training.rtdetr_pose import RTDETRTask
from ...engines.training.run import Run
from ...engines.training.settings import Settings
from .measure import at_least_one, bench_report, peak, reset_peak, taken

_IMAGES = 64  # made cuboids that are trained on
_LARGE = {"cuda": 8192, "cpu": 1024}  # side of the matrices whose product is the floor
_BACKENDS = {"cuda": ("torch_cudagraph", "torch_compiled"), "cpu": ("onnxruntime",)}


def bench_rtdetr(
    *,
    model: str = "small",
    size: tuple[int, int] | None = None,
    batch: int = 16,
    amp: str = "none",
    device: str = "auto",
    runs: int = 10,
    baseline: bool = True,
) -> dict[str, Any]:
    """Measure images per second in training and inference, and peak memory.

    model:    one of `SIZES`
    size:     height and width of the input; None: the model's
    batch:    images per step and per call
    amp:      precision of training: none, fp16 or bf16; inference runs in fp32, and on a GPU in
              fp16, too
    baseline: also measure RT-DETR of transformers, with a ResNet-18 and as many queries and decoder
              layers, on the same images and boxes

    A step is of the optimiser, with loss, gradients, clipping and, for ours, 6D poses, keypoints
    and the averaged weights. Images are in memory, on the device. Figures are medians over `runs`.
    Engines are those of the network that was just trained for a few steps; where one cannot be
    built, or does not agree with the reference, its figure is the reason.
    Raises `InputError` for numbers below 1, an unknown model, and if transformers is not there.
    """
    at_least_one(batch=batch, runs=runs)
    if model not in SIZES:
        raise InputError(f"model: expected one of {', '.join(SIZES)}, found {model[:40]!r}")
    where = chosen_device(device, [])
    shared = kinds()
    config = replace(
        SIZES[model],
        classes=len(shared.classes),
        keypoints=len(shared.keypoints),
        size=size or SIZES[model].size,
    )
    made = make_cuboids(range(max(_IMAGES, batch)), size=config.size)
    pixels = (made.images * 255).round().byte().movedim(-1, 1).contiguous().to(where)
    task = RTDETRTask(config, shared, made.truths, HeldPixels(pixels), device=where)
    run = Run(task, Settings(steps=10**9, batch=batch, amp=amp))
    images = pixels[:batch].float() / 255
    results: dict[str, Any] = {
        "model": model,
        "size": [config.size[1], config.size[0]],
        "batch": batch,
        "amp": amp,
        "runs": runs,
        "threads": torch.get_num_threads(),
        "device": describe_device(where),
    }
    precisions = ("fp32", "fp16") if where.type == "cuda" else ("fp32",)
    ours = _measured(run.advance, run.best, images, runs, precisions)
    networks = {f"kinograph {model}": ours}
    if baseline:
        theirs = _Theirs(config.queries, config.layers, where)
        boxes = [truth.boxes.to(where) for truth in made.truths[:batch]]

        def step() -> None:
            theirs.step(images, boxes, amp)

        name = "transformers RT-DETR, ResNet-18"
        networks[name] = _measured(step, theirs.network, images, runs, precisions)
    results["networks"] = networks
    results["engines"] = _engines(run, images, runs, precisions)
    results["floor"] = _floors(ours["gflop"], where, precisions)
    return bench_report("rtdetr", results)


def _measured(
    step: Callable[[], object],
    network: nn.Module,
    images: Tensor,
    runs: int,
    precisions: tuple[str, ...],
) -> dict[str, Any]:
    """Return millions of parameters, GFLOP per image, training and inference of a network."""
    device, batch = images.device, len(images)
    reset_peak(device)
    spent = taken(step, device, runs)
    found: dict[str, Any] = {
        "parameters": sum(value.numel() for value in network.parameters()),
        "train_images_per_s": 1000 * batch / spent,
        "train_gpu_bytes": peak(device),
        "infer_ms_per_image": {},
    }
    training = network.training
    network.eval()
    with torch.inference_mode():
        counter = FlopCounterMode(display=False)
        with counter:
            network(images[:1])
        found["gflop"] = counter.get_total_flops() / 1e9
        for name in precisions:
            half = name != "fp32"
            casting = torch.autocast(device.type, DTYPES[name]) if half else nullcontext()
            with casting:
                found["infer_ms_per_image"][name] = (
                    taken(lambda: network(images), device, runs) / batch
                )
    network.train(training)
    return found


def _engines(
    run: Run, images: Tensor, runs: int, precisions: tuple[str, ...]
) -> dict[str, dict[str, float | str]]:
    """Return the milliseconds per image of the trained network's engines, by backend and precision,
    or the reason why there is none."""
    with TemporaryDirectory(prefix="kinograph_") as folder:
        path = Path(folder) / "checkpoint.pt"
        checkpoint.save(run.content(), path)
        found = trained_model(path)
        return {
            backend: {name: _engine(found, backend, name, images, runs) for name in precisions}
            for backend in _BACKENDS[images.device.type]
        }


def _engine(
    found: TrainedModel, backend: str, precision: str, images: Tensor, runs: int
) -> float | str:
    try:
        engine = build_engine(
            found.model,
            found.network,
            backend=backend,
            device=str(images.device),
            precision=precision,
            max_batch=len(images),
        )
    except EngineError as error:
        return str(error)
    spent = taken(lambda: engine.infer({"images": images}), images.device, runs) / len(images)
    engine.unload()
    return spent


def _floors(gflop: float, device: torch.device, precisions: tuple[str, ...]) -> dict[str, float]:
    """Return the milliseconds that the products of one image would take at the rate of large
    ones, by precision."""
    side = _LARGE[device.type]
    floors = {}
    for name in precisions:
        one = torch.randn(side, side, device=device).to(DTYPES[name])
        spent = taken(lambda one=one: one @ one, device, 5)  # type: ignore[misc]
        floors[name] = gflop * spent / (2 * side**3 / 1e9)
    return floors


class _Theirs:
    """RT-DETR of transformers with random weights, and its optimiser."""

    def __init__(self, queries: int, layers: int, device: torch.device) -> None:
        try:
            library = import_module("transformers")
        except ImportError as error:
            raise InputError(
                "the baseline needs transformers, which is not installed; run: pip install "
                "transformers, or leave it out with --no-baseline"
            ) from error
        backbone = library.RTDetrResNetConfig(
            embedding_size=64,
            hidden_sizes=[64, 128, 256, 512],
            depths=[2, 2, 2, 2],
            layer_type="basic",
            out_features=["stage2", "stage3", "stage4"],
        )
        config = library.RTDetrConfig(
            backbone_config=backbone,
            encoder_in_channels=[128, 256, 512],
            num_queries=queries,
            decoder_layers=layers,
            num_labels=1,
            num_denoising=0,
        )
        self.network: nn.Module = library.RTDetrForObjectDetection(config).to(device).train()
        self._optimiser = torch.optim.AdamW(self.network.parameters(), lr=1e-4)

    def step(self, images: Tensor, boxes: list[Tensor], amp: str) -> None:
        """Train on a batch."""
        labels = [
            {"class_labels": torch.zeros(len(b), dtype=torch.int64, device=b.device), "boxes": b}
            for b in boxes
        ]
        precision = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(amp)
        casting = torch.autocast(images.device.type, precision) if precision else nullcontext()
        self._optimiser.zero_grad(set_to_none=True)
        with casting:
            loss = self.network(pixel_values=images, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
