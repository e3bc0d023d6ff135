"""A graph that is fed with frames by its caller, chunk by chunk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import Tensor

from ...engines.errors import GraphError
from ...nodes.standin import host
from ..graph.catalogue import Catalogue
from ..graph.model import Link
from ..graph.plan import Plan
from .layout import lay_out
from .single_run import SingleRunNodes
from .stage import Stage

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Stepped:
    """What some frames gave: by node its outputs, and by node that saves or shows, its inputs.

    A node that holds frames back, or has none yet, is missing.
    """

    outputs: Mapping[str, tuple[Any, ...]]
    sinks: Mapping[str, Values]


class ChunkedGraph:
    """A graph fed with frames by the caller, e.g. of a camera; its nodes that load a video give
    way to them, those that save or show do not run.

    Raises `GraphError` for what does not run in chunks, or needs to see the frames twice.
    """

    def __init__(self, plan: Plan, nodes: Catalogue, settings: host.Settings):
        layout = lay_out(plan, nodes)
        graph = plan.graph
        if len(layout.passes) > 1:
            later = layout.passes[1]
            label = graph.nodes[(later.before or later.nodes)[0]].label
            raise GraphError(
                f"{graph.source}: {label}: needs the whole clip at once, which a stream has not"
            )
        if not layout.sources:
            raise GraphError(
                f"{graph.source}: no node takes frames apart; add Get Video Components"
            )
        self._once = SingleRunNodes(layout, nodes, settings)
        self._layout = layout
        self._stage: Stage | None = None
        self._state: Mapping[str, Any] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The nodes that the frames stand for."""
        return self._layout.sources

    @property
    def texts(self) -> Mapping[str, str]:
        """What nodes have to say, such as which backend runs."""
        return {id_: run.text for id_, run in self._once.runs.items() if run.text}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What nodes have warned of, each once."""
        return tuple(self._once.warnings)

    def prepare(self, fps: float | Fraction) -> None:
        """Run what runs once, such as building engines; `step` does it if nobody has."""
        if self._stage is not None:
            return
        for source in self._layout.sources:
            self._once.given |= {(source, 1): None, (source, 2): float(fps)}
        needed = {i for i in self._layout.passes[0].before if self._is_needed(i)}
        self._once.run(tuple(i for i in self._layout.passes[0].before if i in needed))
        self._stage = self._new()
        if self._state is not None:
            self._stage.state = self._state

    def _new(self) -> Stage:
        return Stage(self._once, 0, batches=False)  # a stream does not wait

    def _is_needed(self, id_: str) -> bool:
        """Whether a node does anything besides loading the video that the frames stand for."""
        users = {
            other
            for other, values in self._layout.plan.values.items()
            for value in values.values()
            if isinstance(value, Link) and value.node == id_
        }
        return not users or not users <= set(self._layout.sources)

    def step(self, frames: Tensor | Mapping[str, Tensor], fps: float | Fraction) -> Stepped:
        """The next frames [F,H,W,3] 0..1 of every source, or of each by its node.

        fps: frames a second; the first call's holds
        """
        self.prepare(fps)
        assert self._stage is not None
        chunks = frames if isinstance(frames, Mapping) else dict.fromkeys(self.sources, frames)
        return self._stepped(self._stage.step(chunks, max(map(len, chunks.values()))))

    def flush(self) -> Iterator[Stepped]:
        """What was held back; the next step begins another clip."""
        if self._stage is not None:
            yield from map(self._stepped, self._stage.flush())
        self.reset()

    def reset(self) -> None:
        """The next step begins another clip; engines stay."""
        self._state = None
        if self._stage is not None:
            self._stage = self._new()

    def _stepped(self, came: Mapping[str, Any]) -> Stepped:
        sinks = {i: v for i, v in came.items() if self._layout.rules[i].kind == "sink"}
        return Stepped({i: v for i, v in came.items() if i not in sinks}, sinks)

    @property
    def states(self) -> Mapping[str, Any] | None:
        """What another goes on with; None before the first step."""
        return None if self._stage is None else self._stage.state

    @states.setter
    def states(self, state: Mapping[str, Any] | None) -> None:
        self._state = state
        if self._stage is not None:
            self._stage = self._new()
            if state is not None:
                self._stage.state = state
