"""Choose output nodes by name: the command line's `--only NODE`."""

from collections.abc import Sequence

from ...engines.errors import GraphError
from .catalogue import Catalogue
from .decoding import listed
from .model import Graph


def chosen_outputs(graph: Graph, names: Sequence[str], catalogue: Catalogue) -> list[str] | None:
    """Return the ids of the output nodes that are named; None where no name is given.

    names: ids, or classes, which stand for all nodes of the class

    Raises `GraphError` for a name that no output node has.
    """
    if not names:
        return None
    outputs = [
        node
        for node in graph.nodes.values()
        if (schema := catalogue.schema(node.class_type)) and schema.is_output_node
    ]
    chosen: dict[str, None] = {}
    for name in names:
        found = [node.id for node in graph.find(name) if node in outputs]
        if not found:
            known = listed(node.label.removeprefix("node ") for node in outputs) or "none"
            what = "is no output node" if graph.find(name) else "there is no such node"
            raise GraphError(f"--only {name}: {what} in {graph.source}; output nodes: {known}")
        chosen |= dict.fromkeys(found)
    return list(chosen)
