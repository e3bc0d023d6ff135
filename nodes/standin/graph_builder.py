"""`GraphBuilder`: what a node that expands writes its graph with; the surface of
`comfy_execution.graph_utils`."""

from contextvars import ContextVar
from itertools import count
from typing import Any

# The node and the call within it, and how many builders it has made: ids that no other node has.
_place: ContextVar[tuple[str, Any]] = ContextVar("place", default=("", None))


def set_place(node: str, call: int) -> None:
    """Give the next builders ids of this call of this node."""
    _place.set((f"{node}.{call}", count()))


class BuiltNode:
    """A node of the new graph."""

    def __init__(self, id: str, class_type: str, inputs: dict[str, Any]):
        self.id = id
        self.class_type = class_type
        self.inputs = inputs

    def out(self, index: int) -> list[Any]:
        """A link to the output `index`."""
        return [self.id, index]

    def set_input(self, key: str, value: Any) -> None:
        """Set an input; None takes it away."""
        self.inputs.pop(key, None)
        if value is not None:
            self.inputs[key] = value


class GraphBuilder:
    """A graph in the making: `node` adds one, `finalize` gives the API format."""

    def __init__(self, prefix: str | None = None):
        root, builders = _place.get()
        self.prefix = f"{root}.{next(builders or count())}." if prefix is None else prefix
        self.nodes: dict[str, BuiltNode] = {}
        self._numbers = count(1)

    def node(self, class_type: str, id: str | None = None, **inputs: Any) -> BuiltNode:
        """A node of this class; of an id that is there already, that one."""
        name = self.prefix + (str(next(self._numbers)) if id is None else id)
        return self.nodes.setdefault(name, BuiltNode(name, class_type, inputs))

    def finalize(self) -> dict[str, Any]:
        """The graph in API format."""
        return {
            node.id: {"class_type": node.class_type, "inputs": node.inputs}
            for node in self.nodes.values()
        }
