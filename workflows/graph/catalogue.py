"""All node classes that a headless run knows."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ...nodes.standin.io import Schema

if TYPE_CHECKING:
    from ...nodes.streaming import Rule

NodeClass = Any  # a ComfyNode of the stand-in


class Catalogue:
    """Node classes and their schemas by node id."""

    def __init__(
        self,
        classes: Mapping[str, NodeClass],
        definitions: Mapping[str, Schema] | None = None,
    ):
        """definitions: schemas of classes that are not here, e.g. a server's"""
        self._classes = dict(classes)
        self._schemas: dict[str, Schema] = {n: c.define_schema() for n, c in classes.items()}
        self._schemas |= definitions or {}
        self._made = frozenset(
            output.io_type for schema in self._schemas.values() for output in schema.outputs
        )

    def names(self) -> list[str]:
        return list(self._schemas)

    def schema(self, class_type: str) -> Schema | None:
        return self._schemas.get(class_type)

    def definitions(self) -> Mapping[str, Schema]:
        return self._schemas

    def require(self, class_type: str) -> Schema:
        return self._schemas[class_type]

    def made(self) -> frozenset[str]:
        """The types that come out of some node."""
        return self._made

    def node(self, class_type: str) -> NodeClass:
        return self._classes[class_type]

    def rule(self, class_type: str) -> "Rule | None":
        """Return how a node runs in chunks; None if its class does not say."""
        rule: Rule | None = getattr(self._classes.get(class_type), "STREAMING", None)
        return rule


@cache
def catalogue() -> Catalogue:
    """Kinograph's nodes, then those of ComfyUI's core nodes that have a headless form."""
    from ...nodes.extension import NODES
    from ..core import core_nodes

    classes: dict[str, NodeClass] = {}
    for node in (*NODES, *core_nodes()):
        other = classes.setdefault(node.define_schema().node_id, node)
        if other is not node:
            raise ValueError(f"{other} and {node} have the same node id")
    return Catalogue(classes)
