"""Progress within the inputs of a batch on Ray, from its workers to the one who started it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..execution.outcome import Progress
    from .queue import Task
    from .standing import Standing

_EVERY = 1.0  # seconds between two reports of a worker, and between two looks at them


@dataclass(frozen=True)
class Report:
    """How far a worker is with a node of the graph.

    key:   names the attempt
    bar:   counts the bars of the attempt
    title: of the node
    total: frames, 0 if unknown
    done:  frames
    """

    key: str
    bar: int
    title: str
    total: int
    done: int


class Board:
    """An actor to which workers report; it keeps the last report of every attempt."""

    def __init__(self) -> None:
        self._reports: dict[str, Report] = {}

    def put(self, report: Report) -> None:
        """Take a report."""
        self._reports[report.key] = report

    def take(self) -> list[Report]:
        """Return the reports that have come since the last call."""
        found, self._reports = list(self._reports.values()), {}
        return found


class Reporter:
    """Makes the bars of an attempt in a worker; what they show is sent once a second.

    send: called with a report; must not wait
    """

    def __init__(
        self,
        key: str,
        send: Callable[[Report], Any],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._report = Report(key, 0, "", 0, 0)
        self._send = send
        self._clock = clock
        self._sent = clock()

    def __call__(self, title: str, total: int) -> Callable[[int], None]:
        """Start the bar of a node; return the function that advances it."""
        bar = self._report.bar + 1
        self._report = replace(self._report, bar=bar, title=title, total=total, done=0)

        def step(done: int) -> None:
            if self._report.bar != bar:
                return
            self._report = replace(self._report, done=self._report.done + done)
            if self._clock() - self._sent >= _EVERY:
                self._sent = self._clock()
                self._send(self._report)

        return step


class Watch:
    """Shows what workers report, and asks the board for it without waiting.

    board:    the actor
    progress: returns what makes the progress bars of an attempt, from the input and the progress of
              the batch; None: nothing is shown
    """

    every = _EVERY

    def __init__(self, board: Any, progress: Callable[[Path, Standing], Progress] | None):
        self.ref: Any = None  # of the pending response
        self._board = board
        self._progress = progress
        self._makers: dict[str, Progress] = {}
        self._shown: dict[str, tuple[int, int, Callable[[int], None]]] = {}  # bar, done, step
        self._asked = 0.0

    def begin(self, task: Task, standing: Standing) -> None:
        """Expect reports of an attempt."""
        if self._progress is not None:
            self._makers[str(task.folder)] = self._progress(task.path, standing)

    def end(self, task: Task) -> None:
        """Ignore later reports of an attempt."""
        self._makers.pop(str(task.folder), None)
        self._shown.pop(str(task.folder), None)

    def ask(self) -> list[Any]:
        """Return the references to wait for: that of the board's response, once a second."""
        if self.ref is None and self._makers and time.monotonic() - self._asked >= _EVERY:
            self._asked = time.monotonic()
            self.ref = self._board.take.remote()
        return [] if self.ref is None else [self.ref]

    def show(self, reports: list[Report]) -> None:
        """Advance the bars of the attempts that were reported."""
        self.ref = None
        for report in reports:
            make = self._makers.get(report.key)
            if make is None:
                continue
            bar, done, step = self._shown.get(report.key, (0, 0, None))
            if bar != report.bar or step is None:
                done, step = 0, make(report.title, report.total)
            step(report.done - done)
            self._shown[report.key] = (report.bar, report.done, step)
