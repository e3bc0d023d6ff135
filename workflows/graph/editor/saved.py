"""Workflows as ComfyUI's editor saves them, parsed into plain data and checked once.

Two versions are in use. Their links differ: version 0.4 has arrays [id, origin, origin slot,
target, target slot, type], version 1 and every subgraph have objects. Both are accepted everywhere.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....engines.errors import GraphError
from ..decoding import MAX_NODES, cut, short, too_many_nodes

ROOT = ""  # the id of the top-level canvas
INPUT_NODE, OUTPUT_NODE = "-10", "-20"  # the boundary nodes of a subgraph
MUTED, BYPASSED = 2, 4
# Far more than any workflow has: an untrusted file may claim more than fits into memory.
MAX_SLOTS = 10_000


@dataclass
class Slot:
    """An input or output of a node or of a subgraph.

    link:   the id of the link that feeds an input, or None
    widget: the name of the widget that the input belongs to, or ""
    links:  for inputs and outputs of a subgraph, the ids of their links inside it, in order
    """

    name: str
    type: str
    link: str | None = None
    widget: str = ""
    links: tuple[str, ...] = ()


@dataclass
class EditorNode:
    """A node as it was saved.

    values: of its widgets, by position or by name
    named:  the same by name, where newer editors have saved both
    """

    id: str
    type: str
    title: str
    mode: int
    inputs: list[Slot]
    outputs: list[Slot]
    values: list[Any] | dict[str, Any]
    named: Mapping[str, Any]
    properties: Mapping[str, Any]

    @property
    def label(self) -> str:
        return f"node {cut(self.id)} ({cut(self.type)})"

    @property
    def is_inactive(self) -> bool:
        """Whether the node is muted or bypassed."""
        return self.mode in (MUTED, BYPASSED)


@dataclass
class EditorLink:
    """A link from output `origin_slot` of the node `origin` to input `target_slot` of `target`."""

    id: str
    origin: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass
class Canvas:
    """The nodes and links of the workflow itself, or of a subgraph definition.

    id:   ROOT, or the definition's id, which is the type of the nodes that instantiate it
    into: links by target node and input number; filled once the inputs of all nodes are known
    """

    id: str
    name: str
    nodes: dict[str, EditorNode]
    links: list[EditorLink]
    inputs: list[Slot] = field(default_factory=list)
    outputs: list[Slot] = field(default_factory=list)
    into: dict[tuple[str, int], EditorLink] = field(default_factory=dict)
    _outgoing: dict[tuple[str, int], list[EditorLink]] | None = None

    def connect(self, into: Mapping[tuple[str, int], EditorLink]) -> None:
        """Add links, by target node and input number; they replace those that are there."""
        if self._outgoing is not None:
            if self.into.keys().isdisjoint(into):
                self._index(self._outgoing, into.values())
            else:
                self._outgoing = None
        self.into.update(into)

    def outgoing(self, node: str, slot: int) -> list[EditorLink]:
        """Return the links that leave an output, in the order of the file."""
        if self._outgoing is None:
            self._outgoing = {}
            self._index(self._outgoing, self.into.values())
        return self._outgoing.get((node, slot), [])

    @staticmethod
    def _index(
        outgoing: dict[tuple[str, int], list[EditorLink]], links: Iterable[EditorLink]
    ) -> None:
        for link in links:
            outgoing.setdefault((link.origin, link.origin_slot), []).append(link)


@dataclass
class Workflow:
    """A parsed workflow.

    root:        its top-level canvas
    definitions: its subgraph definitions by id
    last_node:   the largest node id that the editor has assigned
    """

    source: str
    root: Canvas
    definitions: dict[str, Canvas]
    last_node: int


def is_editor_workflow(data: Any) -> bool:
    """Return whether decoded JSON is a workflow that the editor saved."""
    return isinstance(data, dict) and isinstance(data.get("nodes"), list)


def read_workflow(data: Mapping[str, Any], source: str) -> Workflow:
    """Parse the workflow in decoded JSON.

    Raises `GraphError` with the file, the node, and what was expected of which entry.
    """
    reader = _Reader(source)
    root = reader.canvas(data, ROOT, "")
    definitions: dict[str, Canvas] = {}
    count = len(root.nodes)
    for entry in reader.definitions(data):
        id_ = reader.text(entry.get("id"), "a subgraph: id")
        if id_ not in definitions:
            name = str(entry.get("name") or id_)
            definitions[id_] = reader.canvas(entry, id_, cut(name))
            count += len(definitions[id_].nodes)
            if count > MAX_NODES:
                raise too_many_nodes(source, count)
    last = data.get("last_node_id")
    if not isinstance(last, int):
        state = data.get("state")
        last = state.get("lastNodeId") if isinstance(state, dict) else 0
    if not isinstance(last, int) or not 0 <= last < 2**53:
        last = 0
    return Workflow(source, root, definitions, last)


@dataclass(frozen=True)
class _Reader:
    """Reads entries of one file, so that every error message names the file."""

    source: str

    def wrong(self, where: str, expected: str, found: Any) -> GraphError:
        return GraphError(f"{self.source}: {where}: expected {expected}, found {short(found)}")

    def definitions(self, data: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """Yield the subgraph definitions, including nested ones, which older editors wrote."""
        waiting = deque([data])
        while waiting:
            holder = waiting.popleft().get("definitions") or {}
            if not isinstance(holder, dict):
                raise self.wrong("definitions", "an object", holder)
            for entry in self.entries(holder.get("subgraphs"), "definitions.subgraphs"):
                if not isinstance(entry, dict):
                    raise self.wrong("definitions.subgraphs", "objects", entry)
                yield entry
                waiting.append(entry)

    def canvas(self, data: Mapping[str, Any], id_: str, name: str) -> Canvas:
        inside = f"subgraph {name}: " if id_ else ""
        nodes: dict[str, EditorNode] = {}
        entries = self.entries(data.get("nodes"), f"{inside}nodes")
        if len(entries) > MAX_NODES:
            raise too_many_nodes(self.source, len(entries))
        for entry in entries:
            node = self.node(entry, inside)
            if node.id in nodes:
                raise self.wrong(f"{inside}{node.label}", "a unique id", "that of another node")
            nodes[node.id] = node
        links = [
            self.link(entry, f"{inside}links")
            for entry in self.entries(data.get("links"), f"{inside}links")
            if entry is not None
        ]
        canvas = Canvas(id_, name, nodes, _one_per_target(links, nodes.values()))
        if id_:
            canvas.inputs = self.slots(data.get("inputs"), f"{inside}inputs")
            canvas.outputs = self.slots(data.get("outputs"), f"{inside}outputs")
        return canvas

    def node(self, entry: Any, inside: str) -> EditorNode:
        if not isinstance(entry, dict):
            raise self.wrong(f"{inside}nodes", "one object per node", entry)
        id_ = self.id(entry.get("id"), f"{inside}a node: id")
        type_ = self.text(entry.get("type"), f"{inside}node {cut(id_)}: type")
        where = f"{inside}node {cut(id_)} ({cut(type_)})"
        mode = entry.get("mode", 0)
        if not isinstance(mode, int):
            raise self.wrong(f"{where}: mode", "a number (2: muted, 4: bypassed)", mode)
        values = entry.get("widgets_values")
        if values is None:
            values = []
        if not isinstance(values, (list, dict)):
            raise self.wrong(f"{where}: widgets_values", "a list or an object", values)
        named, properties = entry.get("widgets_values_named"), entry.get("properties")
        title = entry.get("title")
        return EditorNode(
            id_,
            type_,
            title if isinstance(title, str) else "",
            mode,
            self.slots(entry.get("inputs"), f"{where}: inputs"),
            self.slots(entry.get("outputs"), f"{where}: outputs"),
            values,
            named if isinstance(named, dict) else {},
            properties if isinstance(properties, dict) else {},
        )

    def slots(self, entries: Any, where: str) -> list[Slot]:
        return [self.slot(entry, where) for entry in self.entries(entries, where)]

    def slot(self, entry: Any, where: str) -> Slot:
        if not isinstance(entry, dict):
            raise self.wrong(where, "objects", entry)
        link, widget = entry.get("link"), entry.get("widget")
        links = entry.get("linkIds")
        widget_name = widget.get("name") if isinstance(widget, dict) else None
        return Slot(
            str(entry.get("name", "")),
            slot_type(entry.get("type")),
            None if link is None else self.id(link, f"{where}: link"),
            widget_name if isinstance(widget_name, str) else "",
            tuple(self.id(i, f"{where}: linkIds") for i in links)
            if isinstance(links, list)
            else (),
        )

    def link(self, entry: Any, where: str) -> EditorLink:
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        if isinstance(entry, dict):
            values = [entry.get(name) for name in names]
        elif isinstance(entry, list) and len(entry) >= len(names):
            values = entry[: len(names)]
        else:
            raise self.wrong(
                where, "[id, origin, origin slot, target, target slot, type] or an object", entry
            )
        id_, origin, origin_slot, target, target_slot = values
        where = f"{where}, link {short(id_)}"
        return EditorLink(
            self.id(id_, where),
            self.id(origin, f"{where}: origin"),
            self.number(origin_slot, f"{where}: origin slot"),
            self.id(target, f"{where}: target"),
            self.number(target_slot, f"{where}: target slot"),
        )

    def entries(self, value: Any, where: str) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(where, "a list", value)
        return value

    def text(self, value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise self.wrong(where, "a string", value)
        return value

    def id(self, value: Any, where: str) -> str:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise self.wrong(where, "a number or a string", value)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise self.wrong(
                where,
                "a number of at most 64 bits",
                f"{value:.3e}" if abs(value) < 10**300 else "a longer one",
            )
        return str(value)

    def number(self, value: Any, where: str) -> int:
        if isinstance(value, str) and value.isdecimal() and len(value) < 9:
            value = int(value)  # a few packs write slots as strings
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(where, "a number", value)
        if not -1 <= value < MAX_SLOTS:
            raise self.wrong(where, f"a number below {MAX_SLOTS}", "another")
        return value


def as_number(id_: str) -> int | None:
    """Return an id as an integer, or None for one that is none, such as "007" or "6:2"."""
    return int(id_) if re.fullmatch(r"0|[1-9][0-9]{0,14}", id_) else None


def slot_type(raw: Any) -> str:
    """Return a slot's type as the editor compares it: "COMBO" for choices, "*" for any."""
    if isinstance(raw, list):
        return "COMBO"
    if raw in (None, 0, ""):
        return "*"
    return str(raw)


def _one_per_target(links: list[EditorLink], nodes: Iterable[EditorNode]) -> list[EditorLink]:
    """Return the links with one per input: the first in the file, or the one the input names.

    Dangling links, which the editor keeps for its own reroutes, are dropped.
    """
    named = {slot.link for node in nodes for slot in node.inputs}
    kept: dict[tuple[str, int], EditorLink] = {}
    free: list[EditorLink] = []
    for link in links:
        if "-1" in (link.origin, link.target) or -1 in (link.origin_slot, link.target_slot):
            continue
        if link.target == OUTPUT_NODE:
            free.append(link)
            continue
        key = (link.target, link.target_slot)
        before = kept.get(key)
        if before is None or (link.id in named and before.id not in named):
            kept[key] = link
    chosen = [*kept.values(), *free]
    return list({link.id: link for link in reversed(chosen)}.values())[::-1]
