"""`GraphBuilder`: how a node that expands writes its graph; the interface of
`comfy_execution.graph_utils`."""

from contextvars import ContextVar
from itertools import count
from typing import Any

# The node and the call within it, and how many builders it has made: together a unique prefix.
_place: ContextVar[tuple[str, Any]] = ContextVar("place", default=("", None))


def set_place(node: str, call: int) -> None:
    """Have the next builders use ids of this call of this node."""
    _place.set((f"{node}.{call}", count()))


class BuiltNode:
    """A node of the new graph."""

    def __init__(self, id: str, class_type: str, inputs: dict[str, Any]):
        self.id = id
        self.class_type = class_type
        self.inputs = inputs

    def out(self, index: int) -> list[Any]:
        """Return a link to the output `index`."""
        return [self.id, index]

    def set_input(self, key: str, value: Any) -> None:
        """Set an input; None removes it."""
        self.inputs.pop(key, None)
        if value is not None:
            self.inputs[key] = value


class GraphBuilder:
    """Builds a graph: `node` adds a node, `finalize` returns the API format."""

    def __init__(self, prefix: str | None = None):
        root, builders = _place.get()
        self.prefix = f"{root}.{next(builders or count())}." if prefix is None else prefix
        self.nodes: dict[str, BuiltNode] = {}
        self._numbers = count(1)

    def node(self, class_type: str, id: str | None = None, **inputs: Any) -> BuiltNode:
        """Add a node of this class and return it, or return the node that has the id already."""
        name = self.prefix + (str(next(self._numbers)) if id is None else id)
        return self.nodes.setdefault(name, BuiltNode(name, class_type, inputs))

    def finalize(self) -> dict[str, Any]:
        """Return the graph in API format."""
        return {
            node.id: {"class_type": node.class_type, "inputs": node.inputs}
            for node in self.nodes.values()
        }
