"""A training with a constant learning rate that is to end, with a fall of it, at a given time.

The schedule is wsd: warm-up, stable, decay (Hu et al., COLM 2024, arXiv:2404.06395). The stable
part does not depend on how long it becomes, so that a later run goes on from its end as if there
had been no break; only the fall is done again. How many steps a run has is decided when the fall
begins.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..models import checkpoint
from .layout import Layout
from .loop import Progress, Trained, train
from .settings import Settings
from .standing import Validation
from .stopping import Stop
from .task import Batch, Task

ENDLESS = 10**9  # steps
FREE = ("steps", "decay")  # settings that every run decides anew


@dataclass(frozen=True)
class Length:
    """How long a run is: minutes of the clock from `began` on, or steps in all.

    minutes: with everything that is done between the steps; 0: `steps` counts
    steps:   in all, with those of the runs that this one goes on from
    fall:    part of the run at its end in which the learning rate falls, 0..0.9; 0: it stays
    began:   `time.monotonic()` when the program's work began
    """

    minutes: float = 0.0
    steps: int = 0
    fall: float = 0.2
    began: float = 0.0

    def __post_init__(self) -> None:
        if (self.minutes > 0) == (self.steps > 0):
            raise InputError(
                f"length: expected either minutes or steps, found {self.minutes:g} and {self.steps}"
            )
        if not 0 <= self.fall <= 0.9:
            raise InputError(f"decay: expected 0..0.9 of the run, found {self.fall:g}")


def start_of(layout: Layout) -> Path:
    """Return the checkpoint that a run in this folder goes on from.

    That is the last one; of a run that has ended, the one from before its learning rate fell.
    Raises `ModelError` where there is none.
    """
    content = checkpoint.load(layout.checkpoint)
    settings = checkpoint.member(content, "settings", dict, str(layout.checkpoint))
    ended = settings.get("decay") and content.get("step") == settings.get("steps")
    return stable_of(layout) if ended else layout.checkpoint


def stable_of(layout: Layout) -> Path:
    """Return where the checkpoint from before the fall stands."""
    return layout.checkpoint.with_name(f"stable{layout.checkpoint.suffix}")


def train_timed(
    task: Task[Batch],
    settings: Settings,
    layout: Layout,
    length: Length,
    *,
    stop: Stop,
    resume: Path | None = None,
    free: Collection[str] = (),
    save_every: int = 500,
    progress: Progress | None = None,
    validation: Validation | None = None,
    about: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.monotonic,
    told: Callable[[str], None] | None = None,
) -> Trained:
    """Train as `loop.train` does, for a length. A run that was stopped while its learning rate fell
    ends that fall, whatever the length.

    settings: of wsd; its steps and its decay are decided here
    told:     is told when the learning rate begins to fall

    Beside the last checkpoint there is one from before the fall; see `start_of`.
    """
    free = {*free, *FREE}
    told = told or (lambda text: None)
    more: dict[str, Any] = {
        "free": free,
        "save_every": save_every,
        "validation": validation,
        "about": about,
    }
    falling = None if resume is None else _unfinished(resume)
    if falling is not None:
        told(f"ending the fall of the learning rate at step {falling['steps']}")
        settings = replace(settings, steps=falling["steps"], decay=falling["decay"])
        return train(
            task,
            settings,
            layout,
            resume=resume,
            stop=stop,
            progress=progress,
            validate_last=validation is not None,
            **more,
        )
    own = Stop()
    first: float | None = None
    until = length.began + 60 * length.minutes * (1 - length.fall)

    def watched(step: int, figures: Mapping[str, float]) -> None:
        nonlocal first
        now = clock()
        first = first or now
        if progress is not None:
            progress(step, figures)
        if stop or (length.minutes and now >= until):
            own.ask()

    done = 0 if resume is None else _step(resume)
    steps = ENDLESS
    if length.steps:
        if length.steps <= done:
            raise InputError(
                f"steps: expected more than the {done} of {resume}, found {length.steps}"
            )
        steps = length.steps - int((length.steps - done) * length.fall)
    trained = train(
        task,
        replace(settings, steps=steps, decay=0),
        layout,
        resume=resume,
        stop=own,
        progress=watched,
        validate_last=length.fall == 0 and validation is not None,
        **more,
    )
    if stop or length.fall == 0:
        return trained
    if length.steps:
        fall = length.steps - steps
    else:
        left = length.began + 60 * length.minutes - clock()
        passed = 0.0 if first is None else clock() - first
        fall = max(1, int(left * (trained.step - trained.start - 1) / max(passed, 1e-9)))
    if fall == 0:  # of too few steps
        return trained
    checkpoint.save(trained.run.content(), stable_of(layout))
    told(f"step {trained.step}: the learning rate falls over the next {fall} steps")
    ended = train(
        task,
        replace(settings, steps=trained.step + fall, decay=fall),
        layout,
        resume=layout.checkpoint,
        stop=stop,
        progress=progress,
        validate_last=validation is not None,
        **more,
    )
    return replace(ended, start=trained.start, seconds=trained.seconds + ended.seconds)


def _step(path: Path) -> int:
    step: int = checkpoint.member(checkpoint.load(path), "step", int, str(path))
    return step


def _unfinished(path: Path) -> dict[str, int] | None:
    """Return the steps and the decay of a run that was stopped while its learning rate fell."""
    content = checkpoint.load(path)
    settings = checkpoint.member(content, "settings", dict, str(path))
    step = checkpoint.member(content, "step", int, str(path))
    steps, decay = (settings.get(name, 0) for name in ("steps", "decay"))
    return {"steps": steps, "decay": decay} if decay and steps - decay <= step < steps else None
