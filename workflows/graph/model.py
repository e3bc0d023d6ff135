"""The graph: nodes with their inputs, and the links between them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...engines.errors import GraphError
from .decoding import cut, listed


@dataclass(frozen=True)
class Link:
    """A link from the output number `slot` of the node with the id `node`."""

    node: str
    slot: int


@dataclass(frozen=True)
class Node:
    """A node of a graph.

    inputs: by name, values or `Link`s
    title:  the title that the user gave, or ""
    """

    id: str
    class_type: str
    inputs: Mapping[str, Any]
    title: str = ""

    @property
    def label(self) -> str:
        """The node as messages name it."""
        return f"node {cut(self.id)} ({cut(self.class_type)})"

    def links(self) -> Iterable[tuple[str, Link]]:
        """Yield the linked inputs: name and link."""
        return ((name, value) for name, value in self.inputs.items() if isinstance(value, Link))


@dataclass(frozen=True)
class Graph:
    """The nodes of a graph.

    source:   the file that the graph comes from, for messages
    nodes:    by id, in the order of the file
    workflow: the editor workflow that the graph was converted from, or None
    """

    source: str
    nodes: Mapping[str, Node]
    workflow: Mapping[str, Any] | None = None

    def find(self, name: str) -> list[Node]:
        """Return the node whose id is `name`, or else all nodes with this title, or else all of
        this class, or else all that match one of these regardless of case."""
        if name in self.nodes:
            return [self.nodes[name]]
        if not name:
            return []
        nodes, folded = self.nodes.values(), name.casefold()
        return (
            [node for node in nodes if node.title == name]
            or [node for node in nodes if node.class_type == name]
            or [n for n in nodes if folded in (n.title.casefold(), n.class_type.casefold())]
        )

    def one(self, name: str, option: str) -> Node:
        """Return the one node that `find` finds.

        option: the option of the command line that names it, for messages

        Raises `GraphError` if there is none or more than one; it lists those to choose from.
        """
        found = self.find(name)
        if len(found) == 1:
            return found[0]
        what = "there is no such node"
        if found:
            what = f"{len(found)} nodes have this title or class; give the id of one"
        known = listed(f"{n.id} ({n.title or n.class_type})" for n in found or self.nodes.values())
        raise GraphError(f"{option}: {what} in {cut(self.source)}; nodes: {known}")


def graph_as_json(graph: Graph) -> dict[str, Any]:
    """Return a graph in the API format, as ComfyUI's Workflow > Export (API) writes it.

    Nodes have their titles, links are [node, output], and values that are lists are wrapped as
    {"__value__": list}.
    """
    return {node.id: node_as_json(node) for node in graph.nodes.values()}


def node_as_json(node: Node) -> dict[str, Any]:
    """Return one node in the API format."""
    return {
        "inputs": {name: _encoded(value) for name, value in node.inputs.items()},
        "class_type": node.class_type,
        "_meta": {"title": node.title or node.class_type},
    }


def _encoded(value: Any) -> Any:
    if isinstance(value, Link):
        return [value.node, value.slot]
    return {"__value__": value} if isinstance(value, list) else value


def input_value(raw: Any) -> Any:
    """Return what an input of the API format holds: a `Link` for [node, output], else a value."""
    if (
        isinstance(raw, list)
        and len(raw) == 2
        and isinstance(raw[0], str)
        and isinstance(raw[1], int)
        and not isinstance(raw[1], bool)
    ):
        return Link(raw[0], raw[1])
    if isinstance(raw, dict) and set(raw) == {"__value__"}:
        return raw["__value__"]
    return raw
