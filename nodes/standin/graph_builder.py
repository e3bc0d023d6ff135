"""`GraphBuilder`: how a node that expands writes its graph; the interface of
`comfy_execution.graph_utils`."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from itertools import count
from typing import Any

# The node and the call within it, and how many builders it has made: together a unique prefix.
_place: ContextVar[tuple[str, Any]] = ContextVar("place", default=("", None))


def set_place(node: str, call: int) -> None:
    """Have the next builders use ids of this call of this node."""
    _place.set((f"{node}.{call}", count()))


def is_link(value: Any) -> bool:
    """Return whether a value of a graph in API format is a link: [node, output]."""
    return isinstance(value, list) and [type(part) for part in value] == [str, int]


class BuiltNode:
    """A node of the new graph."""

    def __init__(self, id: str, class_type: str, inputs: dict[str, Any]):
        self.id = id
        self.class_type = class_type
        self.inputs = inputs
        self.override_display_id: str | None = None

    def out(self, index: int) -> list[Any]:
        """Return a link to the output `index`."""
        return [self.id, index]

    def set_input(self, key: str, value: Any) -> None:
        """Set an input; None removes it."""
        self.inputs.pop(key, None)
        if value is not None:
            self.inputs[key] = value

    def get_input(self, key: str) -> Any:
        """Return an input, or None if it is not set."""
        return self.inputs.get(key)

    def set_override_display_id(self, override_display_id: str | None) -> None:
        """Have the node shown as another one."""
        self.override_display_id = override_display_id

    def serialize(self) -> dict[str, Any]:
        """Return the node in API format."""
        shown = self.override_display_id
        return {
            "class_type": self.class_type,
            "inputs": self.inputs,
            **({} if shown is None else {"override_display_id": shown}),
        }


class GraphBuilder:
    """Builds a graph: `node` adds a node, `finalize` returns the API format."""

    def __init__(self, prefix: str | None = None):
        self.prefix = GraphBuilder.alloc_prefix() if prefix is None else prefix
        self.nodes: dict[str, BuiltNode] = {}
        self._numbers = count(1)

    @classmethod
    def alloc_prefix(
        cls,
        root: str | None = None,
        call_index: int | None = None,
        graph_index: int | None = None,
    ) -> str:
        """Return a prefix for ids that no other graph of this call has.

        root, call_index, graph_index: its parts; default: the node, the call, the next graph
        """
        place, builders = _place.get()
        node, _, call = place.rpartition(".")
        number = next(builders or count())
        parts = (root, node), (call_index, call), (graph_index, number)
        return "".join(f"{own if given is None else given}." for given, own in parts)

    def node(self, class_type: str, id: str | None = None, **inputs: Any) -> BuiltNode:
        """Add a node of this class and return it, or return the node that has the id already."""
        name = self.prefix + (str(next(self._numbers)) if id is None else id)
        return self.nodes.setdefault(name, BuiltNode(name, class_type, inputs))

    def lookup_node(self, id: str) -> BuiltNode | None:
        """Return the node that was added under this id, or None."""
        return self.nodes.get(self.prefix + id)

    def remove_node(self, id: str) -> None:
        """Remove a node. Raises `KeyError` if there is none."""
        del self.nodes[self.prefix + id]

    def replace_node_output(self, node_id: str, index: int, new_value: Any) -> None:
        """Replace the links to an output by a value; None removes the inputs."""
        link = [self.prefix + node_id, index]
        for node in self.nodes.values():
            for key in [key for key, value in node.inputs.items() if value == link]:
                if new_value is None:
                    del node.inputs[key]
                else:
                    node.inputs[key] = new_value

    def finalize(self) -> dict[str, Any]:
        """Return the graph in API format."""
        return {node.id: node.serialize() for node in self.nodes.values()}


def add_graph_prefix(
    graph: Mapping[str, Any], outputs: Sequence[Any], prefix: str
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Return a graph in API format and links into it, with a prefix before all ids."""

    def prefixed(value: Any) -> Any:
        return [prefix + value[0], value[1]] if is_link(value) else value

    nodes = {
        prefix + id_: {
            "class_type": node["class_type"],
            "inputs": {name: prefixed(value) for name, value in node.get("inputs", {}).items()},
        }
        for id_, node in graph.items()
    }
    return nodes, tuple(prefixed(value) for value in outputs)
