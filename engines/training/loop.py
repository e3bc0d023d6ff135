"""The loop of a training in a folder: steps, figures, checkpoints, and the end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import sha256_of
from ..models import checkpoint
from . import randomness
from .curves import draw_curves
from .journal import Journal, means, write_record
from .run import Run
from .settings import Settings
from .stopping import Stop
from .task import Batch, Task

CHECKPOINT = "checkpoint.pt"

Progress = Callable[[int, Mapping[str, float]], None]
"""Called after every step with its number, from 1, and its figures."""


@dataclass(frozen=True)
class Trained:
    """How a training ended.

    start:    how many steps were done before
    step:     how many steps are done
    finished: whether those are all
    seconds:  that the steps took
    last:     mean figures of the last steps, a tenth of all
    """

    run: Run
    start: int
    step: int
    finished: bool
    seconds: float
    last: Mapping[str, float]


def train(
    task: Task[Batch],
    settings: Settings,
    folder: Path,
    *,
    resume: Path | None = None,
    save_every: int = 500,
    stop: Stop | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train, and leave checkpoint.pt, metrics.jsonl, metrics.csv, curves.png and run_record.json.

    task:       its module's weights are where a new run starts from
    folder:     of the run; a new run needs one without a checkpoint
    resume:     a checkpoint of a run with the same settings to go on from
    save_every: steps between two checkpoints; there is one at the end, too
    stop:       asked to end, it does so after the running step, with a checkpoint

    Raises `InputError` for a folder that holds another run, `TrainingError` for numbers that are
    not finite, `MediaError` for what cannot be written. Checkpoints from before stay.
    """
    path = folder / CHECKPOINT
    if resume is None and path.exists():
        raise InputError(
            f"{folder}: holds the checkpoint of another run; go on with it (resume {path}), or "
            "choose a new folder"
        )
    if save_every < 1:
        raise InputError(f"save_every: expected at least 1 step, found {save_every}")
    stop = Stop() if stop is None else stop
    run = Run(task, settings)
    if resume is not None:
        run.restore(checkpoint.load(resume), str(resume))
    journal = Journal(folder, run.step)
    start = run.step
    with randomness.deterministic(settings.deterministic, run.device):
        began = time.perf_counter()
        while run.step < settings.steps and not stop:
            figures = run.advance()
            journal.add({"step": run.step, **figures})
            if progress is not None:
                progress(run.step, figures)
            if run.step % save_every == 0 and run.step < settings.steps:
                checkpoint.save(run.content(), path)
        seconds = time.perf_counter() - began
    checkpoint.save(run.content(), path)
    last = means(journal.rows[-max(1, settings.steps // 10) :])
    journal.write_table()
    if journal.rows:
        draw_curves(journal.rows, folder / "curves.png")
    write_record(
        folder,
        {
            "config": dict(task.config),
            "settings": settings.to_json(),
            "steps": {"from": start, "to": run.step, "of": settings.steps},
            "seconds": seconds,
            "last": last,
            "checkpoint": {"name": CHECKPOINT, "sha256": sha256_of(path)},
        },
    )
    return Trained(run, start, run.step, run.step == settings.steps, seconds, last)
