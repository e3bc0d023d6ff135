"""The loop of a training in a folder: steps, figures, checkpoints, validations and the end."""

import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..models import checkpoint
from . import randomness
from .curves import draw_curves
from .journal import Journal, means
from .layout import Layout
from .processes import Processes
from .record import write_records
from .run import Run
from .settings import Settings
from .standing import Validation
from .stopping import Stop
from .task import Batch, Task

Progress = Callable[[int, Mapping[str, float]], None]
"""Called after every step with its number, from 1, and its figures; also with those of its
validation, whose names begin with "val "."""


@dataclass(frozen=True)
class Trained:
    """How a training ended.

    start:    how many steps were done before
    step:     how many steps are done
    finished: whether those are all, or no validation was better for long enough
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
    folder: Path | Layout,
    *,
    resume: Path | None = None,
    free: Collection[str] = (),
    save_every: int = 500,
    stop: Stop | None = None,
    progress: Progress | None = None,
    validation: Validation | None = None,
    validate_last: bool = False,
    processes: Processes | None = None,
    about: Mapping[str, Any] | None = None,
) -> Trained:
    """Train, and leave a checkpoint, the best one, figures, curves and records; see `Layout`.

    task:       its module's weights are where a new run starts from
    folder:     of the run; a new run needs one without a checkpoint
    resume:     a checkpoint of a run with the same settings to go on from
    free:       names of settings that may differ from those of the checkpoint
    save_every: steps between two checkpoints; there is one at the end, too
    stop:       asked to end, it does so after the running step, with a checkpoint
    validation: done every `settings.validate_every` steps
    validate_last: and after the last one
    processes:  that all call this with the same arguments; only the first one writes
    about:      further plain values for the record: data and options

    Raises `InputError` for a folder that holds another run, `TrainingError` for numbers that are
    not finite, `MediaError` for what cannot be written. Checkpoints from before stay.
    """
    layout = folder if isinstance(folder, Layout) else Layout.plain(folder)
    path = layout.checkpoint
    processes = Processes() if processes is None else processes
    if resume is None and processes.told(path.exists()):
        raise InputError(
            f"{layout.folder}: holds the checkpoint of another run; go on with it (resume {path}), "
            "or choose a new folder"
        )
    if save_every < 1:
        raise InputError(f"save_every: expected at least 1 step, found {save_every}")
    if bool(settings.validate_every) != (validation is not None):
        raise InputError("validation: expected one where the settings ask for it, and only there")
    stop = Stop() if stop is None else stop
    run = Run(task, settings, processes)
    if resume is not None:
        run.restore(checkpoint.load(resume), str(resume), free)
    files = _Files(layout, run) if processes.first else None
    start = run.step
    with randomness.deterministic(settings.deterministic, run.device):
        if settings.deterministic and run.step < settings.steps:
            run.check_repeats()
        began = time.perf_counter()
        while run.step < settings.steps and not run.standing.is_over(settings):
            if processes.any(bool(stop)):
                break
            figures: Mapping[str, float] = run.advance()
            if files is not None:
                files.train.add({"step": run.step, **figures})
            due = run.step % (settings.validate_every or 1) == 0
            if validation is not None and (due or (validate_last and run.step == settings.steps)):
                figures = {**figures, **_validate(run, validation, files)}
            if progress is not None:
                progress(run.step, figures)
            if files is not None and run.step % save_every == 0 and run.step < settings.steps:
                checkpoint.save(run.content(), path)
        seconds = time.perf_counter() - began
    rows: list[dict[str, float]] = []
    if files is not None:
        checkpoint.save(run.content(), path)
        rows = files.train.rows
    last = means(rows[-max(1, min(run.step, settings.steps) // 10) :])
    if files is not None:
        files.finish(
            {
                "steps": {"from": start, "to": run.step, "of": settings.steps},
                "seconds": seconds,
                "last": last,
            },
            about or {},
        )
    processes.told(None)  # nobody leaves before all is written
    finished = run.step == settings.steps or run.standing.is_over(settings)
    return Trained(run, start, run.step, finished, seconds, last)


class _Files:
    """What the first process writes."""

    def __init__(self, layout: Layout, run: Run) -> None:
        self.layout, self.run = layout, run
        self.train = Journal(layout.metrics, run.step)
        every = run.settings.validate_every
        self.validation = Journal(layout.validation, run.step) if every else None

    def finish(self, results: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Write tables, curves and records."""
        rows = list(self.train.rows)
        self.train.write_table()
        standing = {}
        if self.validation is not None:
            self.validation.write_table()
            rows += [
                {name if name == "step" else f"val {name}": value for name, value in row.items()}
                for row in self.validation.rows
            ]
            standing = {"validation": self.run.standing.to_json()}
        if rows:
            draw_curves(rows, self.layout.curves)
        settings = self.run.settings.to_json()
        results = {**results, **standing}
        write_records(self.layout, self.run.task.config, settings, results, about)


def _validate(run: Run, validation: Validation, files: _Files | None) -> dict[str, float]:
    """Validate in the first process, keep the checkpoint if it is the best so far, and tell all
    processes."""
    found: dict[str, float] = {}
    if files is not None:
        judged = validation.judge(run.best)
        run.standing = run.standing.after(
            judged[validation.figure], run.step, run.settings, smaller=validation.smaller
        )
        found = {name: math.nan if v is None else float(v) for name, v in judged.items()}
        if files.validation is not None:
            files.validation.add({"step": run.step, **found})
        if run.standing.step == run.step:
            checkpoint.save(run.content(), files.layout.best)
    run.standing, found = run.processes.told((run.standing, found))
    return {f"val {name}": value for name, value in found.items()}
