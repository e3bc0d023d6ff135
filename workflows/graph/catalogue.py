"""The node classes that a headless run knows."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ...nodes.standin.io import Schema

if TYPE_CHECKING:
    from ...nodes.streaming import Rule

NodeClass = Any  # a ComfyNode of the stand-in


class Catalogue:
    """Node classes and their schemas, by node id."""

    def __init__(
        self,
        classes: Mapping[str, NodeClass],
        definitions: Mapping[str, Schema] | None = None,
    ):
        """Define the schemas of `classes`.

        definitions: schemas of further classes that are not available here, e.g. a server's
        """
        self._classes = dict(classes)
        self._schemas: dict[str, Schema] = {n: c.define_schema() for n, c in classes.items()}
        self._schemas |= definitions or {}
        self._output_types = frozenset(
            output.io_type for schema in self._schemas.values() for output in schema.outputs
        )

    def names(self) -> list[str]:
        """Return the node ids."""
        return list(self._schemas)

    def schema(self, class_type: str) -> Schema | None:
        """Return the schema of a class, or None for an unknown class."""
        return self._schemas.get(class_type)

    def definitions(self) -> Mapping[str, Schema]:
        """Return all schemas by node id."""
        return self._schemas

    def require(self, class_type: str) -> Schema:
        """Return the schema of a class that is known to exist."""
        return self._schemas[class_type]

    def output_types(self) -> frozenset[str]:
        """Return the types that some node has as an output."""
        return self._output_types

    def node(self, class_type: str) -> NodeClass:
        """Return the class itself. Raises `KeyError` for one that has a schema only."""
        return self._classes[class_type]

    def has_class(self, class_type: str) -> bool:
        """Return whether `node` gives the class, and not only its schema is known."""
        return class_type in self._classes

    def rule(self, class_type: str) -> "Rule | None":
        """Return how a node runs in chunks; None if its class does not say."""
        rule: Rule | None = getattr(self._classes.get(class_type), "STREAMING", None)
        return rule


@cache
def catalogue() -> Catalogue:
    """Return Kinograph's nodes, followed by ComfyUI's core nodes that have a headless form."""
    from ...nodes.extension import NODES
    from ..core import core_nodes

    classes: dict[str, NodeClass] = {}
    for node in (*NODES, *core_nodes()):
        other = classes.setdefault(node.define_schema().node_id, node)
        if other is not node:
            raise ValueError(f"{other} and {node} have the same node id")
    return Catalogue(classes)
