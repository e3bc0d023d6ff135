"""One pass over the frames of a chunked run."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...engines.errors import GraphError
from ...engines.sequence import cat, frame_count
from ...nodes.streaming import Step
from ..graph.dynamic import nested
from ..graph.model import Link
from .layout import Slot
from .queue import Queue
from .single_run import SingleRunNodes

Values = Mapping[str, Any]


@dataclass(frozen=True)
class _Input:
    """A linked input of a node that runs chunk by chunk.

    queue:    frames that wait; None for an output that is given or fixed
    slot:     the output that it comes from
    is_given: whether that output was known before the pass
    """

    queue: Queue | None
    slot: Slot
    is_given: bool


class Stage:
    """One pass over the frames.

    Every node takes as many frames as all its inputs have; frames that come early wait in a queue.

    only:      nodes to run; None = all of the pass
    batches:   whether frames wait until they fill a network's batch, as in the whole clip;
               otherwise results may differ in the last bit
    collected: outputs that the pass was asked for as a whole, in chunks
    results:   what is known at the end: what was collected, what was the same in every chunk, and
               what nodes gave when they finished
    running:   the node that runs, or ran last
    """

    def __init__(
        self,
        single: SingleRunNodes,
        number: int,
        only: Collection[str] | None = None,
        *,
        batches: bool = True,
    ):
        self._single = single
        self._batches = batches
        self._layout = single.layout
        self._pass = single.layout.passes[number]
        self._nodes = [id_ for id_ in self._pass.nodes if only is None or id_ in only]
        self._steps: dict[str, Step] = {}
        self._inputs: dict[str, dict[str, _Input]] = {}
        self._taken: dict[str, int] = {}  # frames that each node has run
        self._fixed: dict[Slot, Any] = {}
        self._total: dict[tuple[str, str], int] = {}
        self.collected: dict[Slot, list[Any]] = {slot: [] for slot in sorted(self._pass.collect)}
        self.results: dict[Slot, Any] = {}
        self.running = ""
        for id_ in self._nodes:
            if id_ in self._layout.sources:
                continue
            rule = self._layout.rules[id_]
            self._inputs[id_] = dict(self._linked(id_))
            if rule.kind != "sink":
                self._steps[id_] = rule.step(single.catalogue.node(single.class_of(id_)))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the pass takes frames from."""
        return tuple(id_ for id_ in self._nodes if id_ in self._layout.sources)

    @property
    def sinks(self) -> tuple[str, ...]:
        """The nodes that save or show."""
        return tuple(i for i in self._nodes if self._layout.rules[i].kind == "sink")

    def node_step(self, id_: str) -> Step | None:
        """Return what runs a node; None for sources and sinks."""
        return self._steps.get(id_)

    def known_inputs(self, id_: str) -> dict[str, Any]:
        """Return a node's inputs that are known before any frame has come."""
        known = {
            name: value
            for name, value in self._layout.plan.values[id_].items()
            if not isinstance(value, Link)
        }
        linked = {
            name: self._single.given[one.slot]
            for name, one in self._inputs[id_].items()
            if one.queue is None and one.is_given
        }
        return self._nested(id_, known | linked)

    def _nested(self, id_: str, inputs: Values) -> dict[str, Any]:
        """Return a node's inputs as it takes them."""
        schema = self._single.catalogue.require(self._single.class_of(id_))
        return nested(schema.inputs, inputs)

    def _linked(self, id_: str) -> Iterator[tuple[str, _Input]]:
        rule = self._layout.rules[id_]
        for name, value in self._layout.plan.values[id_].items():
            if not isinstance(value, Link):
                continue
            slot = (value.node, value.slot)
            if value.node in self._nodes and self._layout.kinds[slot] in ("rows", "fixed"):
                comes = self._layout.kinds[slot] == "rows"
                yield name, _Input(Queue() if comes else None, slot, False)
                continue
            given = self._single.given[slot]
            queue = None
            if name in rule.rows and given is not None and not _serves_all(given, name in rule.one):
                queue = Queue([given])
                self._total[id_, name] = len(queue)
            yield name, _Input(queue, slot, True)

    def step(self, frames: Mapping[str, Tensor], pace: int) -> dict[str, Any]:
        """Run the nodes on the next frames, and return the outputs of nodes and the inputs of
        sinks, by id.

        frames: of each source that has not ended
        pace:   at most so many frames for nodes whose frames were all known before
        """
        came: dict[str, Any] = {}
        for id_, chunk in frames.items():
            opens = self._layout.rules[id_].opens
            assert opens is not None  # a source's rule says it
            self._hand_out(id_, opens.outputs(chunk), came)
        for id_ in self._nodes:
            if id_ in self._inputs:
                self._advance(id_, came, pace, flushing=False)
        return came

    @property
    def pending(self) -> bool:
        """Whether frames wait that do not come from a source."""
        return any(self._unbound(inputs) for inputs in self._inputs.values())

    def _unbound(self, inputs: Mapping[str, _Input]) -> int:
        """Return how many frames a node can take if all its queues were full from the start."""
        queues = [i for i in inputs.values() if i.queue is not None]
        if not queues or not all(i.is_given for i in queues):
            return 0
        return min(len(i.queue or ()) for i in queues)

    def flush(self) -> Iterator[dict[str, Any]]:
        """Yield what held-back frames give after the last one has come; then fill `results`."""
        for id_ in self._nodes:
            if id_ not in self._inputs:
                continue
            came: dict[str, Any] = {}
            self._advance(id_, came, 0, flushing=True)
            self._check_all_used(id_)
            if came:
                yield came
            step = self._steps.get(id_)
            if step is None:
                continue
            came = {}
            with self._single.named(id_):
                outputs = step.finish(self._values(id_, {}))
            if outputs is not None:
                self._hand_out(id_, outputs, came)
                yield came
            self.results |= {(id_, slot): value for slot, value in step.ends.items()}
            self._single.say(id_, step.text)
        self.results |= self._fixed
        self.results |= {slot: cat(parts) for slot, parts in self.collected.items()}
        self._single.given |= self.results

    def _advance(self, id_: str, came: dict[str, Any], pace: int, *, flushing: bool) -> None:
        self.running = id_
        inputs = self._inputs[id_]
        queues = {name: i.queue for name, i in inputs.items() if i.queue is not None}
        count = min(len(queue) for queue in queues.values())
        if not flushing and self._unbound(inputs):
            count = min(count, pace)
        least = 1 if flushing or id_ in self._taken else self._layout.rules[id_].least
        single = (i for i in inputs.values() if i.queue is None)
        if count < least or not all(i.is_given or i.slot in self._fixed for i in single):
            return
        step = self._steps.get(id_)
        if step is not None and self._batches and not flushing:
            seen = self._values(id_, {name: queue.first for name, queue in queues.items()})
            with self._single.named(id_):
                count = step.takes(self._taken.get(id_, 0), count, seen)
            if count < least:
                return
        self._taken[id_] = self._taken.get(id_, 0) + count
        values = self._values(id_, {name: queue.take(count) for name, queue in queues.items()})
        if step is None:
            came[id_] = values
            return
        with self._single.named(id_):
            outputs = step.run(values)
        if outputs is not None:
            self._hand_out(id_, outputs, came)

    def _values(self, id_: str, rows: Values) -> dict[str, Any]:
        """Return a node's inputs, with these frames."""
        inputs: dict[str, Any] = {}
        for name, value in self._layout.plan.values[id_].items():
            if not isinstance(value, Link):
                inputs[name] = value
                continue
            linked = self._inputs[id_][name]
            if name in rows:
                inputs[name] = rows[name]
            elif linked.queue is None:
                known = self._single.given if linked.is_given else self._fixed
                inputs[name] = known[linked.slot]
        return self._nested(id_, inputs)

    def _hand_out(self, id_: str, outputs: tuple[Any, ...], came: dict[str, Any]) -> None:
        came[id_] = outputs
        for slot, value in enumerate(outputs):
            kind = self._layout.kinds[id_, slot]
            if kind == "fixed":
                self._fixed[id_, slot] = value
            elif kind == "rows" and (id_, slot) in self.collected:
                self.collected[id_, slot].append(value)
        for other, inputs in self._inputs.items():
            for name, linked in inputs.items():
                if linked.queue is None or linked.is_given or linked.slot[0] != id_:
                    continue
                chunk = outputs[linked.slot[1]]
                linked.queue.put(chunk)
                total = self._total.get((other, name), 0)
                self._total[other, name] = total + frame_count(chunk)

    def _check_all_used(self, id_: str) -> None:
        inputs = self._inputs[id_]
        if not any(i.queue for i in inputs.values()):
            return
        names = [name for name, i in inputs.items() if i.queue is not None]
        found = ", ".join(f"{self._total.get((id_, name), 0)} in {name}" for name in names)
        graph = self._layout.plan.graph
        raise GraphError(
            f"{graph.source}: {graph.nodes[id_].label}: expected as many frames in every input, "
            f"found {found}"
        )

    @property
    def state(self) -> dict[str, Any]:
        """What another stage of the same pass needs to continue."""
        return {
            "steps": {id_: step.state for id_, step in self._steps.items()},
            "queues": {
                id_: {
                    name: len(i.queue) if i.is_given else i.queue.state
                    for name, i in inputs.items()
                    if i.queue is not None
                }
                for id_, inputs in self._inputs.items()
            },
            "taken": dict(self._taken),
            "fixed": [[*slot, value] for slot, value in self._fixed.items()],
            "total": [[*key, count] for key, count in self._total.items()],
            "collected": [
                [*slot, [cat(parts)] if parts else []] for slot, parts in self.collected.items()
            ],
        }

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        for id_, value in state["steps"].items():
            self._steps[id_].state = value
        for id_, queues in state["queues"].items():
            for name, value in queues.items():
                queue = self._inputs[id_][name].queue
                assert queue is not None
                if not isinstance(value, int):
                    queue.refill(value)
                elif value < len(queue):
                    queue.take(len(queue) - value)
        self._taken = dict(state["taken"])
        self._fixed = {(id_, slot): value for id_, slot, value in state["fixed"]}
        self._total = {(id_, name): count for id_, name, count in state["total"]}
        self.collected = {(id_, slot): parts for id_, slot, parts in state["collected"]}


def _serves_all(value: Any, may: bool) -> bool:
    """Return whether a value that is given as a whole is one frame that serves for all."""
    if isinstance(value, Mapping):
        return True
    if may and isinstance(value, list) and value and isinstance(value[0], Mapping):
        return True
    return may and frame_count(value) == 1
