"""`kinograph train flow`: train RAFT small on synthetic pairs of frames with known motion."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....graph.shipped import demo_clip
from ...arguments import add_debug, add_device
from ...command import Command
from ._flow_options import add_learning, add_run, add_speed

if TYPE_CHECKING:
    import torch

    from .....engines.training.flow import FlowTask
    from .....engines.training.loop import Progress
    from .....engines.training.settings import Settings
    from .....engines.training.standing import Validation
    from .....engines.training.timed import Length
    from ...terminal import Bars

_SIGNALLED = 128  # and the signal's number, as a shell tells a process that a signal ended
_SHOWN = 0.98  # decay per step of the figures beside the bar
# Pairs of another seed, and their height and width, whatever the training's: figures of several
# runs can be compared.
_VALIDATED, _VALIDATED_SIZE = 64, (368, 496)
# What a run that goes on may change; the schedule counts steps, not pairs.
_FREE = ("batch", "lr", "warmup", "weight_decay", "clip", "amp", "validate_every")


def _run(arguments: argparse.Namespace) -> int:
    began = time.monotonic()

    import torch

    from .....engines.errors import InputError
    from .....engines.runtime.devices import chosen_device
    from .....engines.training.layout import Layout
    from .....engines.training.stopping import stop_on_signals
    from .....engines.training.timed import Length, start_of, train_timed
    from ...terminal import Bars

    minutes = 0.0 if arguments.steps else arguments.minutes
    length = Length(minutes, arguments.steps, arguments.decay, began)
    device = chosen_device(arguments.device, [])
    torch.backends.cudnn.benchmark = True  # shapes stay the same
    layout = Layout.plain(arguments.out)
    if layout.checkpoint.exists() != arguments.resume:
        why = (
            "no run to resume; leave out --resume"
            if arguments.resume
            else ("a run; go on with it by --resume, or choose a new folder")
        )
        raise InputError(f"--out {layout.folder}: holds {why}")
    if arguments.resume and arguments.weights:
        raise InputError("--weights: a run that is resumed has its own; leave it out")
    settings = _settings(arguments, device)
    resume = start_of(layout) if arguments.resume else None
    task = _task(arguments, settings, device)
    if resume is not None:
        _goes_on(task, settings, resume)
    shown: dict[str, float] = {}
    with Bars("pairs") as bars, stop_on_signals() as stop:
        print(
            f"RAFT small on {device}, pairs of {arguments.size[1]}x{arguments.size[0]}, batches of "
            f"{settings.batch}, {arguments.updates} updates, {settings.amp} precision"
        )
        task.warm_up(settings.batch, lambda: _autocast(settings, device))
        print(f"speed-up: {task.speedup}; ready after {time.monotonic() - began:.0f} s")
        validation = _validation(arguments, device, bars) if settings.validate_every else None
        trained = train_timed(
            task,
            settings,
            layout,
            length,
            stop=stop,
            resume=resume,
            free=_FREE,
            save_every=arguments.save_every,
            progress=_progress(bars, length, settings, shown),
            validation=validation,
            about={"options": _options(arguments), "speedup": task.speedup},
            told=print,
        )
    pairs = (trained.step - trained.start) * settings.batch
    print(
        f"step {trained.step}, {pairs} pairs in this run, "
        f"{pairs / max(trained.seconds, 1e-9):.1f} pairs/s"
    )
    print(", ".join(f"{name} {value:.4g}" for name, value in shown.items()))
    best = trained.run.standing
    if best.best is not None:
        print(f"best validation: {best.best:.3f} px after step {best.step}")
    print(f"wrote {layout.checkpoint}, its figures and {layout.curves.name}")
    if not stop:
        return 0
    print("stopped; go on with --resume")
    return _SIGNALLED + stop.signal


def _settings(arguments: argparse.Namespace, device: torch.device) -> Settings:
    from .....engines.errors import InputError
    from .....engines.training.settings import Settings
    from .....engines.training.timed import ENDLESS

    amp = arguments.amp
    if amp == "auto":
        amp = "bf16" if device.type == "cuda" else "none"
    if amp not in ("none", "bf16"):
        raise InputError(f"--amp: expected auto, none or bf16, found {amp[:40]!r}")
    return Settings(
        steps=ENDLESS,
        batch=arguments.batch,
        lr=arguments.lr,
        weight_decay=arguments.weight_decay,
        warmup=arguments.warmup,
        final=0.0,
        clip=arguments.clip,
        ema=arguments.ema,
        amp=amp,
        seed=arguments.seed,
        schedule="wsd",
        validate_every=arguments.validate_every,
    )


def _task(arguments: argparse.Namespace, settings: Settings, device: torch.device) -> FlowTask:
    from .....engines.datasets.backgrounds import Backgrounds
    from .....engines.datasets.flow_scenes import FlowScenes
    from .....engines.training.flow import FlowTask, check_size

    check_size(arguments.size)
    folder = arguments.photographs
    photographs = Backgrounds.of_folder(folder) if folder else None
    gpu = device.type == "cuda"
    speedup = arguments.speedup
    if speedup == "auto":
        speedup = "both" if gpu else "none"
    return FlowTask(
        FlowScenes(
            size=arguments.size, seed=arguments.seed, device=device, photographs=photographs
        ),
        size=arguments.size,
        updates=arguments.updates,
        device=device,
        seed=arguments.seed,
        weights=_weights(arguments.weights) if arguments.weights else None,
        at_once=arguments.at_once or settings.batch * (4 if gpu else 1),
        speedup=speedup,
        about={
            "name": "flow_scenes",
            "seed": arguments.seed,
            **({"photographs": folder.name} if folder else {}),
        },
        told=print,
    )


def _weights(name: str) -> Path:
    """Return the file of weights to begin with: itself, or that of a model of RAFT small."""
    from .....engines.errors import InputError
    from .....engines.models.registry import resolve

    path = Path(name)
    if path.suffix in (".pth", ".safetensors"):
        return path
    model = resolve(name)
    if model.entry.family != "raft_small":
        raise InputError(
            f"--weights: expected a model of the family raft_small, found {name} of "
            f"{model.entry.family}"
        )
    return model.path


def _goes_on(task: FlowTask, settings: Settings, resume: Path) -> None:
    """Refuse what cannot be gone on with, before the compilers work, and say what changes."""
    from .....engines.models import checkpoint
    from .....engines.training.timed import FREE

    content, source = checkpoint.load(resume), str(resume)
    stored = checkpoint.member(content, "settings", dict, source)
    settings.check_same(stored, source, (*_FREE, *FREE))
    changed = task.check_goes_on(checkpoint.member(content, "config", dict, source), source)
    changed += [
        f"{name} {stored[name]} -> {now}"
        for name in _FREE
        if name in stored and (now := getattr(settings, name)) != stored[name]
    ]
    print(f"going on from {resume}{': ' if changed else ''}{', '.join(changed)}")


def _autocast(settings: Settings, device: torch.device) -> torch.autocast:
    import torch

    enabled = settings.amp != "none"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def _validation(arguments: argparse.Namespace, device: torch.device, bars: Bars) -> Validation:
    """Return the validation on scenes of another seed, made footage and the motorcycle pair."""
    import torch

    from .....engines.datasets.flow import made_footage, motorcycle
    from .....engines.datasets.flow_scenes import FlowScenes
    from .....engines.errors import InputError
    from .....engines.training.flow_validation import (
        SCENES,
        flow_validation,
        known_dataset,
        known_pairs,
    )
    from .....engines.video.read import read_video

    scenes = FlowScenes(size=_VALIDATED_SIZE, seed=arguments.seed + 1, device=device)
    sets = {SCENES: known_pairs(scenes(torch.arange(_VALIDATED)))}
    sets["made"] = known_dataset(made_footage(read_video(demo_clip()).frames[0]), device)
    try:
        sets["motorcycle"] = known_dataset(motorcycle(), device)
    except InputError as error:
        print(f"no validation on the motorcycle pair: {error}")
    return flow_validation(sets)


def _progress(bars: Bars, length: Length, settings: Settings, shown: dict[str, float]) -> Progress:
    """Return what shows steps, the rate, and means of the last figures, which `shown` keeps."""
    step = bars.start("training", 0 if length.minutes else length.steps * settings.batch)
    done = 0

    def progress(number: int, figures: Mapping[str, float]) -> None:
        nonlocal done
        step((number if length.steps and not done else 1) * settings.batch)
        done = number
        for name in ("loss", "epe"):
            shown[name] = figures[name] + _SHOWN * (shown.get(name, figures[name]) - figures[name])
        shown.update({name: v for name, v in figures.items() if name.startswith("val ")})
        bars.show(step=number, lr=figures["lr"], **shown)

    return progress


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    hidden = ("debug",)
    options = {n: v for n, v in vars(arguments).items() if n not in hidden and not callable(v)}
    return {n: str(v) if isinstance(v, Path) else v for n, v in options.items()}


COMMAND = Command(
    name="flow",
    help="train the flow network on synthetic pairs of frames",
    run=_run,
    arguments=(add_debug, add_device, add_run, add_learning, add_speed),
    order=10,
)
