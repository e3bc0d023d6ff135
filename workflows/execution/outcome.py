"""The outcome of running a plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...engines.errors import GraphError
from ..graph.plan import Problem

Progress = Callable[[str, int], Callable[[int], None]]  # title, total -> step(number done)


class Bar:
    """A progress bar that is full when its work is done, whatever was reported on the way.

    make: total -> step(number done)
    """

    def __init__(self, make: Callable[[int], Callable[[int], None]]):
        self._make = make
        self._step: Callable[[int], None] = lambda done: None
        self._left = 0

    def start(self, total: int) -> Callable[[int], None]:
        """Begin with a number of frames, 0 if unknown; return the function that advances it."""
        self._step, self._left = self._make(total), total
        return self.advance

    def advance(self, done: int) -> None:
        """Count more frames as done."""
        self._left -= done
        self._step(done)

    def fill(self) -> None:
        """Count the rest as done."""
        if self._left > 0:
            self.advance(self._left)


@dataclass(frozen=True)
class NodeRun:
    """What one node did.

    seconds: how long it ran
    text:    what it displays as text, or ""
    cached:  its result was available already, so that it did not run
    files:   the files that it saved
    shown:   what it displays, by kind: "text", "images", ...
    """

    id: str
    title: str
    seconds: float
    text: str
    is_output: bool
    class_type: str = ""
    cached: bool = False
    files: tuple[Path, ...] = ()
    shown: Mapping[str, list[Any]] = field(default_factory=dict)


@dataclass
class Outcome:
    """The nodes that ran, in order, their warnings, and why the run stopped early if it did."""

    runs: list[NodeRun] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problem: Problem | None = None
    error: GraphError | None = None
