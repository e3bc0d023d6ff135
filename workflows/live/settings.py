"""The settings of a graph that may be changed while it runs: the widgets that its nodes declare."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...nodes.standin.io import WIDGETS, InputSpec
from ..graph.catalogue import Catalogue
from ..graph.dynamic import present
from ..graph.model import Graph, Link, Node


@dataclass(frozen=True)
class Setting:
    """An input of a node that is typed in.

    kind:    INT, FLOAT, STRING, BOOLEAN or COMBO
    options: of a COMBO
    low, high, step: of a number, None where the node states none
    """

    input: str
    kind: str
    value: Any
    tooltip: str
    options: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None


@dataclass(frozen=True)
class NodeSettings:
    """The settings of a node; `title` tells it from the others of the graph."""

    node: str
    title: str
    settings: tuple[Setting, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as data for JSON."""
        return asdict(self)


def settings_of(
    graph: Graph, nodes: Catalogue, running: Collection[str]
) -> tuple[NodeSettings, ...]:
    """Return the settings of a graph, in its order.

    running: the nodes that run on every frame; others have none, but for those that hold a value
             which only these take
    """
    found = {
        node.id: tuple(_settings(node, nodes))
        for node in graph.nodes.values()
        if node.id in running or _serves(node, graph, nodes, running)
    }
    titles = titles_of(replace(graph, nodes={id_: graph.nodes[id_] for id_ in found}), nodes)
    return tuple(
        NodeSettings(id_, title, found[id_]) for id_, title in titles.items() if found[id_]
    )


def titles_of(graph: Graph, nodes: Catalogue) -> dict[str, str]:
    """Return a title for each node, with its id where several have the same."""
    titles = {id_: _title(node, nodes) for id_, node in graph.nodes.items()}
    often = Counter(titles.values())
    return {
        id_: title if often[title] == 1 else f"{title} ({id_})" for id_, title in titles.items()
    }


def changed_value(before: Graph, after: Graph) -> Iterator[tuple[Node, str, Any]]:
    """Yield the typed-in values of `after` that differ from those of `before`, a graph of the same
    nodes: the node, its input and the value."""
    for node in after.nodes.values():
        old: Mapping[str, Any] = before.nodes[node.id].inputs
        for name, value in node.inputs.items():
            if not isinstance(value, Link) and (name not in old or old[name] != value):
                yield node, name, value


def _title(node: Node, nodes: Catalogue) -> str:
    return node.title or nodes.require(node.class_type).display_name or node.class_type


def _serves(node: Node, graph: Graph, nodes: Catalogue, running: Collection[str]) -> bool:
    """Return whether a node only holds a value, and only nodes that run on every frame take it."""
    rule = nodes.rule(node.class_type)
    if rule is None or not rule.constant:
        return False
    users = {
        other.id
        for other in graph.nodes.values()
        for _, link in other.links()
        if link.node == node.id
    }
    return bool(users) and users <= set(running)


def _settings(node: Node, nodes: Catalogue) -> Iterator[Setting]:
    schema = nodes.require(node.class_type)
    for spec in present(schema.inputs, node.inputs):
        value = node.inputs.get(spec.id, spec.default)
        if spec.io_type in WIDGETS and value is not None and not isinstance(value, Link):
            yield _setting(spec, value)


def _setting(spec: InputSpec, value: Any) -> Setting:
    low, high, step = (spec.widget.get(name) for name in ("min", "max", "step"))
    return Setting(spec.id, spec.io_type, value, spec.tooltip, tuple(spec.options), low, high, step)
