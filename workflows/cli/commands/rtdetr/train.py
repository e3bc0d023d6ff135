"""`kinograph rtdetr train`: train a network on labelled images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...arguments import add_debug, add_device
from ...command import Command
from ._finding import size_of
from ._train_options import add_changes, add_data, add_network, add_run, add_steps
from ._train_setup import (
    about,
    check_counts,
    choices_of,
    held,
    layout_of,
    pixels_of,
    settings_of,
    told_of,
    validated,
)

if TYPE_CHECKING:
    import torch

    from .....engines.training.processes import Processes

_SIGNALLED = 128  # and the signal's number, as a shell tells a process that a signal ended


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.errors import InputError
    from .....engines.runtime.devices import chosen_device
    from .....engines.training.processes import is_launched, joined, own_device

    if arguments.ddp and not is_launched():
        raise InputError(
            "--ddp: expected to be started by torchrun; run: torchrun --nproc-per-node N -m "
            "kinograph.workflows.cli rtdetr train --ddp ..."
        )
    name = own_device(arguments.device) if is_launched() else arguments.device
    device = chosen_device(name, [])
    with joined(device) as processes:
        return _train(arguments, device, processes)


def _train(arguments: argparse.Namespace, device: torch.device, processes: Processes) -> int:
    from .....engines.datasets.coco_yolo.read import as_tensors
    from .....engines.datasets.labelled import read_labelled
    from .....engines.detect.rtdetr_pose.matcher import Costs
    from .....engines.training.budget import steps_within
    from .....engines.training.labelled_images import config_for
    from .....engines.training.loop import train
    from .....engines.training.rtdetr_pose import RTDETRTask
    from .....engines.training.stopping import stop_on_signals
    from .....engines.training.validation import object_validation
    from ...terminal import Bars

    layout = layout_of(arguments, processes)
    data = as_tensors(read_labelled(arguments.dataset_root, arguments.split))
    check_counts(arguments, data)
    config = config_for(
        data,
        arguments.model,
        size=size_of(arguments.image_size),
        queries=arguments.num_queries,
        hidden=arguments.hidden_dim,
        keypoint_scores=arguments.keypoint_scores,
        uncertainty=arguments.use_uncertainty,
        backbone=arguments.backbone_name,
    )
    choices = choices_of(arguments)
    with Bars("images", hidden=not processes.first) as bars:
        if processes.first:
            for note in (*data.notes, *told_of(choices, data)):
                print(note)
        pixels = pixels_of(arguments, data, config.size, device, bars)
        task = RTDETRTask(
            config,
            data.kinds,
            data.images,
            pixels,
            device=device,
            seed=arguments.seed,
            denoising=arguments.denoising_groups,
            augment=choices,
            costs=Costs(
                logits=arguments.cost_cls,
                bbox=arguments.cost_bbox,
                giou=arguments.cost_giou,
                rot6d=arguments.cost_rot,
                log_z=arguments.cost_z,
                keypoints=arguments.cost_keypoints,
                oks=arguments.cost_oks,
            ),
        )
        settings = settings_of(arguments, task.count, processes)
        validation = None
        if settings.validate_every:
            others = validated(arguments)
            seen = held(others, config.size, arguments.num_workers, bars)
            validation = object_validation(others, seen, config, device=device)
        if arguments.minutes and arguments.resume_from is None:
            steps = steps_within(task, settings, arguments.minutes, processes)
            settings = replace(settings, steps=steps)
        step = bars.start("training", settings.steps * settings.examples)
        done = 0

        def progress(number: int, figures: Mapping[str, float]) -> None:
            nonlocal done
            if done == 0:  # a resumed run begins further on
                step((number - 1) * settings.examples)
            done = number
            step(settings.examples)
            bars.show(**{n: v for n, v in figures.items() if n in ("loss", "val box_ap")})

        with stop_on_signals() as stop:
            trained = train(
                task,
                settings,
                layout,
                resume=arguments.resume_from,
                save_every=arguments.save_every,
                stop=stop,
                progress=progress,
                validation=validation,
                processes=processes,
                about=about(arguments, data),
            )
    if processes.first:
        _print(trained.last)
        rate = (trained.step - trained.start) * settings.examples / max(trained.seconds, 1e-9)
        best = trained.run.standing
        if best.best is not None:
            print(f"best validation: box AP {best.best:.4f} after step {best.step}")
        early = " (no better validation for long enough)" if best.is_over(settings) else ""
        print(f"{trained.step} of {settings.steps} steps{early}, {rate:.1f} images/s on {device}")
        print(f"wrote {layout.checkpoint}, its figures and {layout.curves.name}")
    if trained.finished:
        return 0
    if processes.first:
        print(f"stopped; go on with --resume-from {layout.checkpoint}")
    return _SIGNALLED + stop.signal


def _print(last: Mapping[str, float]) -> None:
    from ...terminal import print_table

    rows = [[name, f"{value:.4g}"] for name, value in last.items() if name != "step"]
    print_table(["mean of the last steps", ""], rows, "")


COMMAND = Command(
    name="train",
    help="train a network on labelled images",
    run=_run,
    arguments=(add_debug, add_device, add_data, add_changes, add_network, add_steps, add_run),
    order=20,
)
