"""`kinograph rtdetr train`: train a network on labelled images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...arguments import add_debug, add_device, count, ordinal, parsed_size, positive
from ...command import Command

_SIGNALLED = 128  # and the signal's number, as a shell tells a process that a signal ended


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset-root",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with images/SPLIT, labels/SPLIT and dataset.json",
    )
    data.add_argument("--split", default="train", help="default: train")
    data.add_argument(
        "--colour-jitter",
        type=float,
        default=0.0,
        metavar="PART",
        help="most that brightness and colours of an image are changed by, 0..1 (default 0)",
    )
    model = parser.add_argument_group("network")
    model.add_argument("--model", default="nano", help="nano (default) or small")
    model.add_argument(
        "--image-size", metavar="N or WxH", help="of the input, px (default: nano 64, small 320)"
    )
    model.add_argument(
        "--num-queries", type=ordinal, metavar="N", help="objects proposed per image"
    )
    model.add_argument("--hidden-dim", type=ordinal, metavar="N", help="channels of the decoder")
    model.add_argument(
        "--keypoint-scores", action="store_true", help="also tell which keypoints can be seen"
    )
    model.add_argument(
        "--use-uncertainty", action="store_true", help="also tell how far poses may be off"
    )
    steps = parser.add_argument_group("training")
    steps.add_argument(
        "--epochs", type=ordinal, default=30, metavar="N", help="times that each image is seen"
    )
    steps.add_argument(
        "--steps", type=ordinal, metavar="N", help="steps in all, instead of --epochs"
    )
    steps.add_argument("--batch-size", type=ordinal, default=16, metavar="N", help="default: 16")
    steps.add_argument(
        "--grad-accum", type=ordinal, default=1, metavar="N", help="batches per step (default 1)"
    )
    steps.add_argument("--lr", type=positive, default=1e-3, help="learning rate (default 0.001)")
    steps.add_argument("--weight-decay", type=float, default=1e-4, help="default: 0.0001")
    steps.add_argument("--lr-warmup-steps", type=count, default=50, metavar="N", help="default: 50")
    steps.add_argument(
        "--clip-grad-norm", type=float, default=1.0, help="longest gradient; 0: any (default 1)"
    )
    steps.add_argument(
        "--ema-decay", type=float, default=0.99, help="of averaged weights; 0: none (default 0.99)"
    )
    steps.add_argument("--denoising-groups", type=count, default=0, metavar="N", help="default: 0")
    steps.add_argument("--amp", default="none", help="mixed precision: none, fp16 or bf16")
    steps.add_argument("--seed", type=count, default=0, help="default: 0")
    steps.add_argument(
        "--deterministic", action="store_true", help="the same numbers in every run, or an error"
    )
    run = parser.add_argument_group("run")
    run.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="what is written")
    run.add_argument(
        "--resume-from", type=Path, metavar="FILE", help="checkpoint of a run to go on with"
    )
    run.add_argument(
        "--save-every", type=ordinal, default=500, metavar="N", help="steps (default 500)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.datasets.coco_yolo.read import read_coco_yolo
    from .....engines.runtime.devices import chosen_device
    from .....engines.training.labelled_images import config_for, load_pixels, steps_of
    from .....engines.training.loop import train
    from .....engines.training.rtdetr_pose import RTDETRTask
    from .....engines.training.settings import Settings
    from .....engines.training.stopping import stop_on_signals
    from ...terminal import Bars

    device = chosen_device(arguments.device, [])
    data = read_coco_yolo(arguments.dataset_root, arguments.split)
    for note in data.notes:
        print(note)
    config = config_for(
        data,
        arguments.model,
        size=_size(arguments.image_size),
        queries=arguments.num_queries,
        hidden=arguments.hidden_dim,
        keypoint_scores=arguments.keypoint_scores,
        uncertainty=arguments.use_uncertainty,
    )
    parts = arguments.batch_size, arguments.grad_accum
    settings = Settings(
        steps=arguments.steps or steps_of(arguments.epochs, len(data.images), *parts),
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
    )
    with Bars("images") as bars:
        pixels = load_pixels(data, config.size, bars.start("images", len(data.images)))
        task = RTDETRTask(
            config,
            data.kinds,
            data.images,
            pixels,
            device=device,
            seed=settings.seed,
            denoising=arguments.denoising_groups,
            colour_jitter=arguments.colour_jitter,
        )
        size = settings.batch * settings.accumulate
        step = bars.start("training", settings.steps * size)
        done = 0

        def progress(number: int, figures: Mapping[str, float]) -> None:
            nonlocal done
            if done == 0:  # a resumed run begins further on
                step((number - 1) * size)
            done = number
            step(size)
            bars.show(loss=figures["loss"])

        with stop_on_signals() as stop:
            trained = train(
                task,
                settings,
                arguments.run_dir,
                resume=arguments.resume_from,
                save_every=arguments.save_every,
                stop=stop,
                progress=progress,
            )
    _print(trained.last)
    rate = (trained.step - trained.start) * size / max(trained.seconds, 1e-9)
    print(f"{trained.step} of {settings.steps} steps, {rate:.1f} images/s on {device}")
    print(f"wrote {arguments.run_dir / 'checkpoint.pt'}, its figures and curves.png")
    if trained.finished:
        return 0
    print(f"stopped; go on with --resume-from {arguments.run_dir / 'checkpoint.pt'}")
    return _SIGNALLED + stop.signal


def _print(last: Mapping[str, float]) -> None:
    from ...terminal import print_table

    rows = [[name, f"{value:.4g}"] for name, value in last.items() if name != "step"]
    print_table(["mean of the last steps", ""], rows, "")


def _size(text: str | None) -> Any:
    if text is None:
        return None
    return parsed_size("--image-size", text if "x" in text.lower() else f"{text}x{text}")


COMMAND = Command(
    name="train",
    help="train a network on labelled images",
    run=_run,
    arguments=(add_debug, add_device, _add_arguments),
    order=20,
)
