"""Which nodes of a graph run once, which chunk by chunk, and in how many passes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...engines.errors import GraphError
from ...engines.sockets import is_small
from ...nodes.standin.io import WIDGETS
from ...nodes.streaming import ONCE, Rule
from ..graph.catalogue import Catalogue
from ..graph.model import Link
from ..graph.plan import Plan

Slot = tuple[str, int]  # an output: node and number

_WHOLE = "run it without --chunk"
SURVEY = " (survey)"  # the ending of the id of a survey's node

_SINGLE = (*WIDGETS, "KINO_STATE")  # of whose values no row belongs to a frame


@dataclass(frozen=True)
class Pass:
    """One pass over the frames.

    before:  nodes that run once before it, in order
    nodes:   nodes that run chunk by chunk, in order
    again:   those of them that ran in an earlier pass, whose results are needed again
    collect: small outputs that a later pass or node needs as a whole
    """

    before: tuple[str, ...]
    nodes: tuple[str, ...]
    again: frozenset[str]
    collect: frozenset[Slot]


@dataclass(frozen=True)
class Layout:
    """A plan in passes.

    plan:     with an additional node for each survey (`Rule.survey`)
    original: without these
    rules:    of every node
    kinds:    of every output: "once"; "rows", one per frame; "fixed", the same in every chunk;
              "end", known after the last; "state"
    sources:  nodes that give the frames of videos
    passes:   in order
    after:    nodes that run once, after the last pass
    """

    plan: Plan
    original: Plan
    rules: Mapping[str, Rule]
    kinds: Mapping[Slot, str]
    sources: tuple[str, ...]
    passes: tuple[Pass, ...]
    after: tuple[str, ...]


def lay_out(plan: Plan, catalogue: Catalogue) -> Layout:
    """Return how the plan runs in chunks.

    A node that needs a whole clip has its inputs collected in a pass before if their sockets are
    small. Raises `GraphError` with every node that cannot run in chunks, the reason and what to do,
    and for a graph that takes no frames from a video or a file.
    """
    search = _Search(_with_surveys(_asked(plan, catalogue), catalogue), catalogue)
    for id_ in search.plan.order:
        search.place(id_)
    if search.problems:
        raise GraphError(
            f"{plan.graph.source}: cannot run in chunks\n"
            + "\n".join(f"  - {problem}" for problem in search.problems)
        )
    if not search.running:
        raise GraphError(
            f"{plan.graph.source}: no node takes the frames of a video, so there is nothing to cut "
            "into chunks; run it without --chunk"
        )
    return search.layout(plan)


def _asked(plan: Plan, catalogue: Catalogue) -> Plan:
    """Return the plan without what no node asks for with the values that are known.

    What a node that saves or shows passes on is taken from where that comes from.
    """
    values = {id_: dict(plan.values[id_]) for id_ in plan.order}
    for id_ in plan.order:
        rule = catalogue.rule(plan.graph.nodes[id_].class_type) or ONCE
        own = values[id_]
        own |= {name: _passed_on(value, values, plan, catalogue) for name, value in own.items()}
        known = {name: _constant(plan, catalogue, value) for name, value in own.items()}
        for name in rule.unasked(known):
            own.pop(name, None)
        if rule.unasked is not ONCE.unasked:
            own |= {n: v for n, v in known.items() if n in own and not isinstance(v, Link)}
    needed = set(plan.outputs)
    for id_ in reversed(plan.order):
        if id_ in needed:
            needed |= {v.node for v in values[id_].values() if isinstance(v, Link)}
    order = tuple(id_ for id_ in plan.order if id_ in needed)
    return replace(plan, order=order, values={id_: values[id_] for id_ in order})


def _passed_on(
    value: Any, values: Mapping[str, Mapping[str, Any]], plan: Plan, catalogue: Catalogue
) -> Any:
    """Return what a link brings, if a node that saves or shows passes it on; else the link."""
    if isinstance(value, Link):
        rule = catalogue.rule(plan.graph.nodes[value.node].class_type) or ONCE
        if rule.passes:
            return values[value.node][rule.passes]
    return value


def _constant(plan: Plan, catalogue: Catalogue, value: Any) -> Any:
    """Return what a link brings, if that is typed in where it leads to; else the value itself."""
    while isinstance(value, Link):
        source = plan.graph.nodes[value.node]
        rule = catalogue.rule(source.class_type)
        if rule is None or not rule.constant:
            break
        value = plan.values[value.node]["value"]
    return value


def _with_surveys(plan: Plan, catalogue: Catalogue) -> Plan:
    order: list[str] = []
    values = dict(plan.values)
    nodes = dict(plan.graph.nodes)
    for id_ in plan.order:
        rule = catalogue.rule(nodes[id_].class_type)
        if rule is not None and rule.surveys(values[id_]):
            extra = id_ + SURVEY
            nodes[extra] = nodes[id_]
            values[extra] = values[id_]
            values[id_] = {**values[id_], "survey": Link(extra, 0)}
            order.append(extra)
        order.append(id_)
    graph = replace(plan.graph, nodes=nodes)
    return replace(plan, graph=graph, order=tuple(order), values=values)


class _Search:
    def __init__(self, plan: Plan, catalogue: Catalogue):
        self.plan = plan
        self.catalogue = catalogue
        self.rules: dict[str, Rule] = {}
        self.running: dict[str, int] = {}  # by node, the first pass that it runs in
        self.single: dict[str, int] = {}  # by node, the pass that it runs once before
        self.sources: list[str] = []
        self.gathered: set[str] = set()
        self.problems: list[str] = []

    def kind(self, slot: Slot) -> str:
        """Return what an output is: once, rows, fixed, end or state."""
        id_, number = slot
        rule = self.rules[id_]
        kind = self.io_type(slot)
        if id_ in self.sources:
            return "once" if number in rule.fixed else "rows"
        if id_ in self.running:
            if kind == "KINO_STATE":
                return "state"
            if number in rule.ends:
                return "end"
            return "fixed" if number in rule.fixed else "rows"
        is_long = rule.kind == "long" or id_ in self.gathered
        return "rows" if is_long and kind not in _SINGLE else "once"

    def io_type(self, slot: Slot) -> str:
        schema = self.catalogue.require(self.plan.graph.nodes[slot[0]].class_type)
        return schema.outputs[slot[1]].io_type

    def level(self, id_: str) -> int:
        return self.running.get(id_, self.single.get(id_, 0))

    def links(self, id_: str) -> Iterator[tuple[str, Slot, str]]:
        """Yield the linked inputs: name, output, and its kind."""
        for name, value in self.plan.values[id_].items():
            if isinstance(value, Link):
                slot = (value.node, value.slot)
                yield name, slot, self.kind(slot)

    def place(self, id_: str) -> None:
        node = self.plan.graph.nodes[id_]
        known = self.catalogue.rule(node.class_type)
        rule = known or ONCE
        if id_.endswith(SURVEY):
            assert rule.survey is not None  # else the plan would not have this node
            rule = replace(rule, kind="sums", step=rule.survey.step, ends=(0,), never=(1,))
        self.rules[id_] = rule
        links = list(self.links(id_))
        frames = [link for link in links if link[2] == "rows"]
        if rule.kind == "source" and not frames:
            self.sources.append(id_)
            self.running[id_] = max((self.level(s[0]) for _, s, _ in links), default=0)
            return
        if not frames:
            after = ("fixed", "end")  # known when a pass is over
            self.single[id_] = max(
                (self.level(s[0]) + (k in after) for _, s, k in links), default=0
            )
            return
        refusal = rule.whole(self.plan.values[id_])
        if refusal is not None:
            self._gather(id_, str(refusal.or_else(_WHOLE)), frames)
            return
        self._check(id_, rule, known is not None, links)
        # what is fixed is there with the first chunk of the same pass
        self.running[id_] = max(self.level(s[0]) + (kind == "end") for _, s, kind in links)

    def _gather(self, id_: str, reason: str, frames: list[tuple[str, Slot, str]]) -> None:
        """Place a node that needs the whole clip, for the reason given."""
        node = self.plan.graph.nodes[id_]
        large = [name for name, slot, _ in frames if not is_small(self.io_type(slot))]
        if large:
            self.problems.append(f"{node.label}: {reason}")
        self.gathered.add(id_)
        after = [self.level(s[0]) + (s[0] in self.running) for _, s, _ in self.links(id_)]
        self.single[id_] = max(after)

    def _check(self, id_: str, rule: Rule, known: bool, links: list[tuple[str, Slot, str]]) -> None:
        label = self.plan.graph.nodes[id_].label
        if not known:
            self.problems.append(f"{label}: is not known to give the same in chunks; {_WHOLE}")
            return
        for name, slot, kind in links:
            if kind == "state":
                self.problems.append(
                    f"{label}, input {name!r}: states go from chunk to chunk by themselves; "
                    "disconnect it"
                )
            elif slot[1] in self.rules[slot[0]].never:
                source = self.plan.graph.nodes[slot[0]].label
                self.problems.append(
                    f"{label}, input {name!r}: {source} does not give it in chunks; "
                    "disconnect it, or run it without --chunk"
                )
            elif kind == "rows" and name not in rule.rows:
                source = self.plan.graph.nodes[slot[0]].label
                self.problems.append(
                    f"{label}, input {name!r}: takes pictures as a whole, but {source} gives the "
                    "frames of a video; give it a separate file, e.g. with Load Image"
                )

    def layout(self, original: Plan) -> Layout:
        count = max(self.running.values()) + 1
        nodes: list[set[str]] = [set() for _ in range(count)]
        collect: list[set[Slot]] = [set() for _ in range(count)]
        for id_, level in self.running.items():
            self._need(id_, level, nodes, collect)
        for id_ in self.single:
            for _, slot, kind in self.links(id_):
                if kind == "rows" and slot[0] in self.running:
                    collect[self.running[slot[0]]].add(slot)
        order = self.plan.order
        passes = tuple(
            Pass(
                tuple(i for i in order if self.single.get(i) == level),
                tuple(i for i in order if i in nodes[level]),
                frozenset(i for i in nodes[level] if self.running[i] < level),
                frozenset(collect[level]),
            )
            for level in range(count)
        )
        after = tuple(i for i in order if self.single.get(i, -1) >= count)
        kinds = {slot: self.kind(slot) for id_ in order for slot in self._slots(id_)}
        return Layout(self.plan, original, self.rules, kinds, tuple(self.sources), passes, after)

    def _slots(self, id_: str) -> Iterator[Slot]:
        schema = self.catalogue.require(self.plan.graph.nodes[id_].class_type)
        return ((id_, number) for number in range(len(schema.outputs)))

    def _need(self, id_: str, level: int, nodes: list[set[str]], collect: list[set[Slot]]) -> None:
        """Have a node run in a pass, and what it needs run there or be collected before."""
        if id_ in nodes[level]:
            return
        nodes[level].add(id_)
        for _, slot, kind in self.links(id_):
            source = slot[0]
            if kind != "rows" or source not in self.running:
                continue
            if self.running[source] < level and is_small(self.io_type(slot)):
                collect[self.running[source]].add(slot)
            else:
                self._need(source, level, nodes, collect)
