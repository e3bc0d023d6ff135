"""What comes of running a plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...engines.errors import GraphError
from ..graph.plan import Problem

Progress = Callable[[str, int], Callable[[int], None]]  # label, total -> step(done)


@dataclass(frozen=True)
class NodeRun:
    """What one node did: how long it took, what it has to say, and the files that it saved.

    cached: its result was there already, and it was not run
    shown:  by kind ("text", "images", ...), what it shows
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
    """What came of a plan: the nodes that ran, in order; and why it stopped, if it did."""

    runs: list[NodeRun] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problem: Problem | None = None
    error: GraphError | None = None
