"""Train RT-DETR: trains a detector on labelled images."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError, TrainingError
from ...engines.files import inside, read_regular
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..inputs import last_change
from ..models import model_output
from ..search import found_by
from ..show import Shown
from ..streaming import ONCE
from . import CATEGORY
from .load_checkpoint import FILE, checkpoint_in, in_words
from .run_apart import run_apart

if TYPE_CHECKING:
    from torch import Tensor

_ROOM = 4 * 2**30  # bytes on the device, for networks of either size with 16 images per step
_SIZES = ("nano", "small")
_PRECISIONS = ("none", "bf16", "fp16")
_DETERMINISTIC = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # which cuBLAS needs for it


class TrainRTDETR(io.ComfyNode):
    STREAMING = ONCE
    ORDER = 760

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographTrainRTDETR",
            display_name="Train RT-DETR",
            category=CATEGORY,
            **found_by("train detector, fine tune, rt-detr, rtdetr pose, 6d pose training"),
            description="Trains a detector of objects on labelled images, in a process of its own. "
            "A run that was cancelled goes on where it stopped when it is queued again.",
            is_output_node=True,
            inputs=[
                io.String.Input(
                    "dataset",
                    default="",
                    tooltip="Name of a folder in the input folder, with images, labels and "
                    "dataset.json, such as kinograph rtdetr synth makes.",
                ),
                io.String.Input(
                    "split",
                    default="train",
                    tooltip="Which of the data set's images: a folder in images and in labels.",
                ),
                io.Combo.Input(
                    "size",
                    options=list(_SIZES),
                    default="nano",
                    tooltip="nano: 1 million parameters, sees 64x64 pixels, for trials and CPUs. "
                    "small: 10 million, sees 320x320.",
                ),
                io.Int.Input(
                    "steps",
                    default=2000,
                    min=1,
                    max=10_000_000,
                    step=1,
                    tooltip="Steps in all; each sees batch_size images.",
                ),
                io.Int.Input(
                    "batch_size",
                    default=16,
                    min=1,
                    max=1024,
                    step=1,
                    tooltip="Images per step. Fewer need less memory.",
                ),
                io.Float.Input(
                    "learning_rate",
                    default=0.001,
                    min=0.000001,
                    max=1.0,
                    step=0.000001,
                    tooltip="How far each step goes. Lower it if the loss jumps or is NaN.",
                ),
                advanced.Combo.Input(
                    "mixed_precision",
                    options=list(_PRECISIONS),
                    default="none",
                    tooltip="none: float32 throughout. bf16 or fp16: faster on a GPU, and less "
                    "memory.",
                ),
                io.String.Input(
                    "run",
                    default="kinograph/runs/rtdetr",
                    tooltip="Name of the run's folder in the output folder. One that holds a run "
                    "with the same settings goes on with it.",
                ),
                advanced.Int.Input(
                    "image_size",
                    default=0,
                    min=0,
                    max=4096,
                    step=32,
                    tooltip="Height and width of what the detector sees, in pixels. 0: as its size "
                    "says. Larger finds smaller objects and is slower.",
                ),
                advanced.Int.Input(
                    "queries",
                    default=0,
                    min=0,
                    max=1000,
                    step=1,
                    tooltip="Most objects that it can find in an image. 0: 12 for nano, 60 for "
                    "small.",
                ),
                advanced.Boolean.Input(
                    "keypoint_scores",
                    default=False,
                    tooltip="Also learns which keypoints can be seen.",
                ),
                advanced.Float.Input(
                    "colour_jitter",
                    default=0.0,
                    min=0.0,
                    max=0.99,
                    step=0.01,
                    tooltip="By which part brightness and colours of images are changed at most, "
                    "at random, so that it learns not to rely on them.",
                ),
                advanced.Int.Input(
                    "denoising_groups",
                    default=0,
                    min=0,
                    max=100,
                    step=1,
                    tooltip="Groups of denoising queries, which help the first steps.",
                ),
                advanced.Int.Input(
                    "random_start",
                    default=0,
                    min=0,
                    max=2**31 - 1,
                    step=1,
                    tooltip="The seed of everything random: the same gives the same run.",
                ),
                advanced.Boolean.Input(
                    "deterministic",
                    default=False,
                    tooltip="The same numbers in every run on this machine, or an error; slower on "
                    "a GPU.",
                ),
                advanced.Int.Input(
                    "save_every",
                    default=500,
                    min=1,
                    max=1_000_000,
                    step=1,
                    tooltip="Steps between two checkpoints. There is one at the end and when you "
                    "cancel, too.",
                ),
            ],
            outputs=[
                model_output(),
                io.String.Output(
                    display_name="run",
                    tooltip="The run's folder, for Load RT-DETR Checkpoint: checkpoint.pt, the "
                    "figures of all steps and curves.png.",
                ),
                io.String.Output(
                    display_name="report",
                    tooltip="The record of the run as JSON: settings, figures, versions, machine.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, dataset: str = "", **values: Any) -> float:
        return last_change(dataset)

    @classmethod
    def execute(
        cls, dataset: str, split: str, steps: int, run: str, deterministic: bool, **values: Any
    ) -> io.NodeOutput:
        folder = _folder_of(run)
        root = host.input_path(dataset.strip(), Path.is_dir)
        words = [f"--dataset-root={root}", f"--split={split}", f"--run-dir={folder}"]
        words += ["--steps", str(steps), *_options(values, deterministic)]
        checkpoint = folder / FILE
        before = checkpoint.exists()
        if before:
            words += [f"--resume-from={checkpoint}"]
        host.make_room(_ROOM)
        journal = _Journal(folder / "metrics.jsonl", host.progress(steps, "steps"))
        variables = _DETERMINISTIC if deterministic else None
        ended = False
        try:
            error = run_apart(["rtdetr", "train", *words], journal.look, variables)
            ended = True
        finally:
            if not ended and checkpoint.exists():
                host.warn(f"run: {run} was stopped; queue it again to go on with it")
        if error:
            raise TrainingError(error)
        record = json.loads(read_regular(folder / "run_record.json"))
        model = checkpoint_in(host.output_folder(), f"{run.strip()}/{FILE}")
        text, warnings = _told(record, before)
        shown = Shown(
            f"{text}\n{in_words(model)}",
            warnings=warnings,
            picture=partial(_curves, folder / "curves.png"),
        )
        return io.NodeOutput(model, run.strip(), json.dumps(record, indent=2), ui=shown)


def _folder_of(run: str) -> Path:
    try:
        return inside(host.output_folder(), run.strip())
    except ValueError as error:
        raise InputError(f"run: {error}") from error


def _options(values: Mapping[str, Any], deterministic: bool) -> list[str]:
    """Return the options of the command for the node's other inputs."""
    named = {
        "--model": values["size"],
        "--batch-size": values["batch_size"],
        "--lr": values["learning_rate"],
        "--amp": values["mixed_precision"],
        "--image-size": values["image_size"] or None,
        "--num-queries": values["queries"] or None,
        "--colour-jitter": values["colour_jitter"],
        "--denoising-groups": values["denoising_groups"],
        "--seed": values["random_start"],
        "--save-every": values["save_every"],
        "--device": host.compute_device(),
    }
    words = [word for name, v in named.items() if v is not None for word in (name, str(v))]
    words += ["--keypoint-scores"] if values["keypoint_scores"] else []
    return [*words, "--deterministic"] if deterministic else words


class _Journal:
    """Follows the figures that a run writes, a line per step."""

    def __init__(self, path: Path, step: Callable[[int], None]):
        self._path, self._step = path, step
        self._done = 0

    def look(self) -> None:
        """Report the steps that have been done since the last look; raise if cancelled."""
        host.go_on()
        done = self._last()
        if done > self._done:
            self._step(done - self._done)
            self._done = done

    def _last(self) -> int:
        """Return the number of the last step whose line is complete; 0 before any."""
        try:
            with self._path.open("rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - 2**14))
                lines = file.read().split(b"\n")[:-1]
            step = json.loads(lines[-1])["step"] if lines else 0
        except (OSError, ValueError, KeyError, TypeError):  # not there yet, or being written
            return 0
        return step if isinstance(step, int) else 0


def _told(record: Mapping[str, Any], before: bool) -> tuple[str, list[str]]:
    """Return what a run did, in words, and warnings."""
    steps, loss = record["steps"], record["last"].get("loss")
    done = steps["to"] - steps["from"]
    text = f"{steps['to']} of {counted(steps['of'], 'step')}"
    text += f", {done} of them now in {record['seconds']:.0f} s" if before else ""
    text += "" if loss is None else f"; at the end loss {loss:.4g}"
    if not done:
        return text, ["run: was complete before, nothing was trained; give another name to train"]
    return text, []


def _curves(path: Path) -> Tensor:
    """Return the picture of the curves, [1,h,w,3] 0..1."""
    import torch

    from ...engines.video.picture import opened_picture

    with opened_picture(path) as picture:
        width, height = picture.size
        data = bytearray(picture.convert("RGB").tobytes())
    return torch.frombuffer(data, dtype=torch.uint8).view(1, height, width, 3).float() / 255
