"""What the options of `kinograph rtdetr train` stand for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from .....engines.datasets.coco_yolo.read import LabelledImages
    from .....engines.geometry.placement import Size
    from .....engines.training.augment.choices import Choices
    from .....engines.training.layout import Layout
    from .....engines.training.pixels import Pixels
    from .....engines.training.processes import Processes
    from .....engines.training.settings import Settings
    from ...terminal import Bars


_OPTIONS = {
    # What the fields of `Choices` are called here.
    "flip": "--hflip-prob",
    "zoom": "--scale-min, --scale-max",
    "pan": "--jitter-dyaw",
    "tilt": "--jitter-dpitch",
    "roll": "--jitter-droll",
    "focal": "--jitter-dfx, --jitter-dfy",
    "principal": "--jitter-dcx, --jitter-dcy",
    "mosaic": "--mosaic-prob",
    "hue": "--hsv-h",
    "saturation": "--hsv-s",
    "brightness": "--hsv-v",
    "colours": "--colour-jitter",
    "hsv": "--hsv-prob",
    "gray": "--gray-prob",
    "blur": "--blur-prob, --blur-sigma",
    "noise": "--gaussian-noise-prob, --gaussian-noise-std",
}


def layout_of(arguments: argparse.Namespace, processes: Processes) -> Layout:
    import time

    from .....engines.errors import InputError
    from .....engines.training.layout import Layout

    folder: Path | None = arguments.run_dir
    if not arguments.run_contract:
        if folder is None:
            raise InputError("--run-dir: expected a folder for the run, found none")
        return Layout.plain(folder)
    if folder is None:
        name = arguments.run_id or time.strftime("%Y%m%d-%H%M%S")
        folder = Path("runs") / processes.told(name)
    return Layout.contract(folder)


def check_counts(arguments: argparse.Namespace, data: LabelledImages) -> None:
    """Raise `InputError` for data with other numbers of classes or keypoints than were given."""
    from .....engines.errors import InputError

    for name in ("classes", "keypoints"):
        wanted, found = getattr(arguments, f"num_{name}"), len(getattr(data.kinds, name))
        if wanted is not None and wanted != found:
            raise InputError(f"{data.root}: {name}: expected {wanted}, found {found}")


def choices_of(arguments: argparse.Namespace) -> Choices:
    from .....engines.errors import InputError
    from .....engines.training.augment.choices import Choices

    given: dict[str, Any] = {}
    if arguments.multiscale:
        given["zoom"] = (arguments.scale_min, arguments.scale_max)
    if arguments.extrinsics_jitter:
        given |= {
            "pan": arguments.jitter_dyaw,
            "tilt": arguments.jitter_dpitch,
            "roll": arguments.jitter_droll,
        }
    if arguments.intrinsics_jitter:
        given["focal"] = (arguments.jitter_dfx, arguments.jitter_dfy)
        given["principal"] = (arguments.jitter_dcx, arguments.jitter_dcy)
    try:
        return Choices(
            flip=arguments.hflip_prob,
            mosaic=arguments.mosaic_prob,
            hue=arguments.hsv_h,
            saturation=arguments.hsv_s,
            brightness=arguments.hsv_v,
            colours=arguments.colour_jitter,
            hsv=arguments.hsv_prob,
            gray=arguments.gray_prob,
            blur=(arguments.blur_prob, arguments.blur_sigma),
            noise=(arguments.gaussian_noise_prob, arguments.gaussian_noise_std),
            **given,
        )
    except InputError as error:
        field, _, rest = str(error).partition(":")
        raise InputError(f"{_OPTIONS[field]}:{rest}") from error


def told_of(choices: Choices, data: LabelledImages) -> list[str]:
    """Return what the changes by chance leave out."""
    posed = any(truth.rotation is not None for truth in data.images)
    if not (choices.flip and posed):
        return []
    kinds = data.kinds
    known = (kinds.mirrors != 0).any(1) | (kinds.axes != 0).any(1)
    names = [name for name, whole in zip(kinds.classes, known.tolist(), strict=True) if not whole]
    return [f"mirrored images teach no rotations of {', '.join(names)}: no mirror"] if names else []


def pixels_of(
    arguments: argparse.Namespace,
    data: LabelledImages,
    size: Size,
    device: torch.device,
    bars: Bars,
) -> Pixels:
    from .....engines.training.pixels import HeldPixels, ReadPixels, kept_pixels

    workers = arguments.num_workers
    if arguments.cache == "none":
        return ReadPixels(data.images, size, workers)
    if arguments.cache in ("memory", "device"):
        pixels = held(data, size, workers, bars)
        return HeldPixels(pixels.to(device) if arguments.cache == "device" else pixels)
    progress = bars.start("images", len(data.images))
    folder = Path(arguments.cache)
    return HeldPixels(kept_pixels(data, size, folder, workers=workers, progress=progress))


def held(data: LabelledImages, size: Size, workers: int, bars: Bars) -> torch.Tensor:
    from .....engines.training.pixels import held_pixels

    progress = bars.start("images", len(data.images))
    return held_pixels(data, size, workers=workers, progress=progress)


def validated(arguments: argparse.Namespace) -> LabelledImages:
    from .....engines.datasets.coco_yolo.read import as_tensors
    from .....engines.datasets.labelled import read_labelled

    root = arguments.val_dataset or arguments.dataset_root
    return as_tensors(read_labelled(root, arguments.val_split))


def settings_of(arguments: argparse.Namespace, images: int, processes: Processes) -> Settings:
    from .....engines.models import checkpoint
    from .....engines.training.labelled_images import steps_of
    from .....engines.training.settings import Settings

    each = arguments.batch_size * arguments.grad_accum * processes.count
    steps = arguments.steps or steps_of(arguments.epochs, images, each)
    if arguments.minutes and arguments.resume_from is not None:  # as many as were decided then
        content = checkpoint.load(arguments.resume_from)
        stored = checkpoint.member(content, "settings", dict, str(arguments.resume_from))
        steps = checkpoint.member(stored, "steps", int, str(arguments.resume_from))
    every = 0
    if arguments.val_split is not None:
        every = arguments.val_every_steps or steps_of(arguments.val_every, images, each)
    return Settings(
        steps=steps,
        batch=arguments.batch_size,
        accumulate=arguments.grad_accum,
        lr=arguments.lr,
        weight_decay=arguments.weight_decay,
        warmup=arguments.lr_warmup_steps,
        clip=arguments.clip_grad_norm,
        ema=arguments.ema_decay,
        amp=arguments.amp,
        seed=arguments.seed,
        deterministic=arguments.deterministic,
        optimiser=arguments.optimizer,
        schedule=arguments.scheduler,
        backbone_lr=arguments.backbone_lr_mult,
        processes=processes.count,
        validate_every=every,
        patience=arguments.early_stop_patience,
        least_gain=arguments.early_stop_min_delta,
    )


def about(arguments: argparse.Namespace, data: LabelledImages) -> dict[str, Any]:
    from .....engines.training.labelled_images import digest

    hidden = ("debug",)
    options = {n: v for n, v in vars(arguments).items() if n not in hidden and not callable(v)}
    return {
        "dataset": {
            "root": str(data.root),
            "split": data.split,
            "images": len(data.images),
            "objects": sum(len(truth) for truth in data.images),
            "sha256": digest(data),
        },
        "options": {n: str(v) if isinstance(v, Path) else v for n, v in options.items()},
    }
