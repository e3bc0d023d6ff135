"""Graphs that nodes answer with: ComfyUI's node expansion."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...engines.errors import GraphError
from ...nodes.standin.io import OutputSpec
from ..graph.catalogue import Catalogue
from ..graph.model import Link, Node
from .calling import Answer, merged


def made_nodes(answer: Answer, taken: Collection[str], catalogue: Catalogue) -> dict[str, Node]:
    """The nodes of all graphs of an answer, by id.

    Raises `GraphError` for an id that is taken, an unknown class and a missing input: nothing has
    checked these graphs before.
    """
    made: dict[str, Node] = {}
    for part in answer.parts:
        for id_, entry in (part.expand or {}).items():
            if id_ in taken or id_ in made:
                raise GraphError(f"its graph has a node {id_!r}, but there is one already")
            made[id_] = _node(id_, entry, catalogue)
    taken = {*taken, *made}
    for link in [*result_links(answer), *(link for n in made.values() for _, link in n.links())]:
        if link.node not in taken:
            raise GraphError(f"its graph links to node {link.node}, which is not there")
    return made


def _node(id_: str, entry: Mapping[str, Any], catalogue: Catalogue) -> Node:
    class_type = entry["class_type"]
    schema = catalogue.schema(class_type)
    if schema is None:
        raise GraphError(f"its graph needs a node class {class_type!r}, which is unknown here")
    given = entry.get("inputs", {})
    values = {spec.id: linked(given[spec.id]) for spec in schema.inputs if spec.id in given}
    for spec in schema.inputs:
        if not spec.optional and spec.id not in values:
            raise GraphError(f"its graph's {class_type} {id_} lacks the input {spec.id!r}")
    return Node(id_, class_type, values)


def linked(value: Any) -> Any:
    """A `Link` for ["node", slot], anything else as it is."""
    if isinstance(value, list) and [type(part) for part in value] == [str, int]:
        return Link(value[0], value[1])
    return value


def result_links(answer: Answer) -> list[Link]:
    """The links into the graphs that the node's outputs come from."""
    values = (linked(v) for part in answer.parts if part.expand is not None for v in part.values)
    return [value for value in values if isinstance(value, Link)]


def resolved(
    answer: Answer, specs: Sequence[OutputSpec], elements: Mapping[Link, list[Any]]
) -> tuple[list[Any], ...]:
    """By output, the elements: those at the end of links, values as they are."""
    slots: list[list[Any]] = [[] for _ in specs]
    for part in answer.parts:
        for slot, value in enumerate(part.values[: len(specs)]):
            link = linked(value) if part.expand is not None else value
            if isinstance(link, Link):
                slots[slot] += elements[link]
            else:
                slots[slot] += merged([(value,)], specs[slot : slot + 1])[0]
    return tuple(slots)
