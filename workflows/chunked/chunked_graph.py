"""A graph that its caller feeds with frames, chunk by chunk."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import Tensor

from ...engines.errors import GraphError
from ...nodes.standin import host
from ..graph.catalogue import Catalogue
from ..graph.model import Link
from ..graph.plan import Plan
from .layout import Layout, lay_out
from .single_run import SingleRunNodes
from .stage import Stage

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Stepped:
    """What some frames gave.

    outputs: of each node that has any
    sinks:   the inputs of each node that saves or shows

    Nodes that hold frames back, or have had none yet, are missing.
    """

    outputs: Mapping[str, tuple[Any, ...]]
    sinks: Mapping[str, Values]


class ChunkedGraph:
    """A graph that its caller, such as a camera, feeds with frames.

    They stand in for the videos that the graph loads; nodes that save or show do not run.

    dropped: whether frames that waited were dropped when it continued from another

    Raises `GraphError` for nodes that do not run in chunks or need to see the frames twice.
    """

    def __init__(self, plan: Plan, nodes: Catalogue, settings: host.Settings):
        layout = lay_out(plan, nodes)
        graph = plan.graph
        if len(layout.passes) > 1:
            later = layout.passes[1]
            label = graph.nodes[(later.before or later.nodes)[0]].label
            raise GraphError(
                f"{graph.source}: {label}: needs the whole clip at once; a stream has none"
            )
        if not layout.sources:
            raise GraphError(
                f"{graph.source}: no node takes frames from a video; add Get Video Components"
            )
        self._single = SingleRunNodes(layout, nodes, settings)
        self._settings = settings
        self.dropped = False
        self._layout = layout
        self._stage: Stage | None = None
        self._state: Mapping[str, Any] | None = None

    def with_values(self, plan: Plan) -> "ChunkedGraph":
        """Return a graph of the same nodes with other values, which continues where this one is.

        What ran once is kept, such as engines, and so is what nodes carry from frame to frame.
        Nodes that hold frames back restart if their own values differ, and so do all others of
        the kind with them, as nodes further on wait for the same frames of both.

        Raises `GraphError` if other nodes would have to run, or one once again that runs once.
        """
        constant = self.check_values(plan)
        other = ChunkedGraph(plan, self._single.catalogue, self._settings)
        old, new = self._layout, other._layout
        changed = _changed(old, new)
        single = other._single
        single.given |= {k: v for k, v in self._single.given.items() if k[0] not in constant}
        single.runs, single.warnings = self._single.runs, self._single.warnings
        single.run(tuple(i for i in new.passes[0].before if i in constant))
        state = self.states
        if state is not None:
            held = {i for i in changed if new.rules[i].kind == "stream"}
            other.dropped = bool(held)
            state = other.without(state, held) if held else state
        other._state = state
        if self._stage is not None:
            other._stage = other._new()
            if state is not None:
                other._stage.state = state
        return other

    def check_values(self, plan: Plan) -> Collection[str]:
        """Return the nodes that hold a value, and another one in this plan of the same nodes.

        Raises `GraphError` for a plan that `with_values` does not take.
        """
        old, new = self._layout, lay_out(plan, self._single.catalogue)
        changed = _changed(old, new)
        constant = {id_ for id_ in changed if new.rules[id_].constant}
        once = [i for i in new.plan.order if i in changed - set(new.passes[0].nodes) - constant]
        if once or (old.passes, old.after) != (new.passes, new.after):
            names = ", ".join(plan.graph.nodes[id_].label for id_ in once)
            raise GraphError(
                f"{names or 'other nodes'} would have to run first, and the stream does not "
                "wait; end the run, and start it with this value (--set)"
            )
        return constant

    def without(self, state: Mapping[str, Any], ids: Collection[str]) -> Mapping[str, Any]:
        """Return a state in which these nodes restart, and with them all that hold frames back.

        Frames that wait are dropped, so that all nodes continue with the same one.
        """
        held = {i for i, rule in self._layout.rules.items() if rule.kind == "stream"}
        restarted = held | set(ids)
        return {
            **state,
            "steps": {i: s for i, s in state["steps"].items() if i not in restarted},
            "queues": {
                i: {name: left for name, left in queues.items() if isinstance(left, int)}
                for i, queues in state["queues"].items()
            },
            "taken": {i: count for i, count in state["taken"].items() if i not in restarted},
            "fixed": [one for one in state["fixed"] if one[0] not in restarted],
            "total": [],
        }

    @property
    def sources(self) -> tuple[str, ...]:
        """The nodes that the frames stand in for."""
        return self._layout.sources

    @property
    def streaming(self) -> tuple[str, ...]:
        """The nodes that run on every frame, sources and sinks included, in order."""
        return self._layout.passes[0].nodes

    @property
    def running(self) -> str:
        """The node that runs, or ran last: after an error, the one that raised it."""
        return "" if self._stage is None else self._stage.running

    @property
    def texts(self) -> Mapping[str, str]:
        """The texts of nodes, by id, such as which backend runs."""
        return {id_: run.text for id_, run in self._single.runs.items() if run.text}

    @property
    def seconds(self) -> Mapping[str, float]:
        """How long nodes have run in all, in s, by id."""
        return {id_: run.seconds for id_, run in self._single.runs.items()}

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of all nodes, each once."""
        return tuple(self._single.warnings)

    def prepare(self, fps: float | Fraction) -> None:
        """Run the nodes that run once, such as those that build engines.

        `step` does this if it has not been done. fps: frames per second
        """
        if self._stage is not None:
            return
        for source in self._layout.sources:
            opens = self._layout.rules[source].opens
            assert opens is not None  # a source's rule says it
            known = opens.known(None, float(fps), 0)
            self._single.given |= {(source, slot): value for slot, value in known.items()}
        needed = {i for i in self._layout.passes[0].before if self._is_needed(i)}
        self._single.run(tuple(i for i in self._layout.passes[0].before if i in needed))
        self._stage = self._new()
        if self._state is not None:
            self._stage.state = self._state

    def _new(self) -> Stage:
        return Stage(self._single, 0, batches=False)  # a stream does not wait

    def _is_needed(self, id_: str) -> bool:
        """Return whether a node does more than load the video that the frames stand in for."""
        users = {
            other
            for other, values in self._layout.plan.values.items()
            for value in values.values()
            if isinstance(value, Link) and value.node == id_
        }
        return not users or not users <= set(self._layout.sources)

    def step(self, frames: Tensor | Mapping[str, Tensor], fps: float | Fraction) -> Stepped:
        """Run the graph on the next frames.

        frames: [F,H,W,3] 0..1 for every source, or for each by its id
        fps:    frames per second; that of the first call holds
        """
        self.prepare(fps)
        assert self._stage is not None
        chunks = frames if isinstance(frames, Mapping) else dict.fromkeys(self.sources, frames)
        return self._stepped(self._stage.step(chunks, max(map(len, chunks.values()))))

    def flush(self) -> Iterator[Stepped]:
        """Yield what the held-back frames give; the next step begins another clip."""
        if self._stage is not None:
            yield from map(self._stepped, self._stage.flush())
        self.reset()

    def reset(self) -> None:
        """Have the next step begin another clip; engines are kept."""
        self._state = None
        if self._stage is not None:
            self._stage = self._new()

    def _stepped(self, came: Mapping[str, Any]) -> Stepped:
        sinks = {i: v for i, v in came.items() if self._layout.rules[i].kind == "sink"}
        return Stepped({i: v for i, v in came.items() if i not in sinks}, sinks)

    @property
    def states(self) -> Mapping[str, Any] | None:
        """What another `ChunkedGraph` needs to continue; None before the first step."""
        return None if self._stage is None else self._stage.state

    @states.setter
    def states(self, state: Mapping[str, Any] | None) -> None:
        self._state = state
        if self._stage is not None:
            self._stage = self._new()
            if state is not None:
                self._stage.state = state


def _changed(old: Layout, new: Layout) -> set[str]:
    """Return the nodes whose values differ."""
    before, after = old.plan.values, new.plan.values
    return {id_ for id_ in new.plan.order if after[id_] != before.get(id_)}
