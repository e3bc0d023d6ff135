"""Node expansion: nodes that return a graph to run in their place, as in ComfyUI."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...engines.errors import GraphError
from ...nodes.standin.io import OutputSpec
from ..graph.catalogue import Catalogue
from ..graph.dynamic import is_passed_on, present
from ..graph.model import Link, Node
from .calling import CallResults, merged


def expanded_nodes(
    results: CallResults, taken: Collection[str], catalogue: Catalogue
) -> dict[str, Node]:
    """Return the nodes of all graphs that a node returned, by id.

    Raises `GraphError` for an id that is taken, an unknown class or a missing input, as these
    graphs have not been checked before.
    """
    made: dict[str, Node] = {}
    for call in results.calls:
        for id_, entry in (call.expand or {}).items():
            if id_ in taken or id_ in made:
                raise GraphError(f"its graph has a node {id_!r}, but this id is taken")
            made[id_] = _node(id_, entry, catalogue)
    taken = {*taken, *made}
    for link in [*result_links(results), *(link for n in made.values() for _, link in n.links())]:
        if link.node not in taken:
            raise GraphError(f"its graph links to node {link.node}, which does not exist")
    return made


def _node(id_: str, entry: Mapping[str, Any], catalogue: Catalogue) -> Node:
    class_type = entry["class_type"]
    schema = catalogue.schema(class_type)
    if schema is None:
        raise GraphError(f"its graph needs a node class {class_type!r}, which is unknown here")
    inputs = entry.get("inputs", {})
    specs = present(schema.inputs, inputs)
    declared = {spec.id for spec in specs}
    class_ = catalogue.node(class_type)
    values = {
        name: value
        for name, value in ((name, linked(raw)) for name, raw in inputs.items())
        if name in declared or is_passed_on(class_, schema, linked=isinstance(value, Link))
    }
    for spec in specs:
        if not spec.optional and spec.id not in values:
            raise GraphError(f"its graph's {class_type} {id_} lacks the input {spec.id!r}")
    return Node(id_, class_type, values)


def display_ids(results: CallResults) -> dict[str, str]:
    """Return which node of the graph a made node is shown as, where it says so."""
    entries = (entry for call in results.calls for entry in (call.expand or {}).items())
    ids = ((id_, entry.get("override_display_id")) for id_, entry in entries)
    return {id_: shown for id_, shown in ids if isinstance(shown, str)}


def linked(value: Any) -> Any:
    """Return a `Link` for ["node", slot], and any other value unchanged."""
    if isinstance(value, list) and [type(part) for part in value] == [str, int]:
        return Link(value[0], value[1])
    return value


def result_links(results: CallResults) -> list[Link]:
    """Return the links into the returned graphs that the outputs of the node come from."""
    values = (linked(v) for call in results.calls if call.expand is not None for v in call.values)
    return [value for value in values if isinstance(value, Link)]


def resolved(
    results: CallResults, specs: Sequence[OutputSpec], elements: Mapping[Link, list[Any]]
) -> tuple[list[Any], ...]:
    """Return the elements by output: those of links from `elements`, and constant values."""
    slots: list[list[Any]] = [[] for _ in specs]
    for call in results.calls:
        for slot, value in enumerate(call.values[: len(specs)]):
            link = linked(value) if call.expand is not None else value
            if isinstance(link, Link):
                slots[slot] += elements[link]
            else:
                slots[slot] += merged([(value,)], specs[slot : slot + 1])[0]
    return tuple(slots)
