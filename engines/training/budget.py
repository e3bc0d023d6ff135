"""How many steps fit into a time."""

import time
from dataclasses import replace

from ..runtime.devices import wait
from .processes import Processes
from .run import Run
from .settings import Settings
from .task import Batch, Task

_FIRST, _MEASURED = 3, 10  # steps: the first ones choose kernels and fill caches


def steps_within(
    task: Task[Batch], settings: Settings, minutes: float, processes: Processes | None = None
) -> int:
    """Return how many steps take so many minutes here, at least 1, by doing some on trial.

    settings: its steps do not count; the task's weights are as before afterwards
    minutes:  for steps alone, without validations

    The learning rate follows the number of steps, so that it is decided before the first one: a
    run of this number is the same whatever the time.
    """
    processes = Processes() if processes is None else processes
    before = {name: value.clone() for name, value in task.module.state_dict().items()}
    trial = Run(task, replace(settings, steps=10**9), processes)
    for _ in range(_FIRST):
        trial.advance()
    wait(trial.device)
    began = time.perf_counter()
    for _ in range(_MEASURED):
        trial.advance()
    wait(trial.device)
    each = (time.perf_counter() - began) / _MEASURED
    task.module.load_state_dict(before)
    task.module.zero_grad(set_to_none=True)
    steps: int = processes.told(max(1, int(minutes * 60 / each)))
    return steps
