"""Assign values to inputs of a graph: the command line's `--set NODE.INPUT=VALUE`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...engines.errors import GraphError
from ...nodes.standin.io import DYNAMIC_COMBO, InputSpec
from .catalogue import Catalogue
from .decoding import listed
from .dynamic import present
from .model import Graph, input_value


def with_values(graph: Graph, assignments: Sequence[str], catalogue: Catalogue) -> Graph:
    """Return the graph with values assigned to inputs.

    assignments: "NODE.INPUT=VALUE" each; NODE is an id, or a class that only one node has; VALUE
                 is parsed as JSON if it is valid JSON, and is text otherwise

    Raises `GraphError` for an assignment that is malformed, or whose node or input does not exist.
    """
    nodes = dict(graph.nodes)
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        node_name, dot, name = _halves(graph, target)
        if not equals or not dot:
            raise GraphError(f"--set {assignment}: expected NODE.INPUT=VALUE, e.g. 1.file=clip.mp4")
        matches = graph.find(node_name)
        if len(matches) != 1:
            known = listed(n.label.removeprefix("node ") for n in graph.nodes.values())
            what = "more than one node has this class" if matches else "there is no such node"
            raise GraphError(f"--set {assignment}: {what} in {graph.source}; nodes: {known}")
        node = nodes[matches[0].id]  # with the values assigned before
        schema = catalogue.schema(node.class_type)
        specs = {s.id: s for s in present(schema.inputs, node.inputs)} if schema else {}
        if schema and name not in specs:
            raise GraphError(
                f"--set {assignment}: {node.label} has no input {name!r}; inputs: "
                f"{', '.join(specs)}"
            )
        value = _parsed(text, specs.get(name))
        nodes[node.id] = replace(node, inputs={**node.inputs, name: value})
    return replace(graph, nodes=nodes)


def _halves(graph: Graph, target: str) -> tuple[str, str, str]:
    """Return the name of the node, the dot, and the name of the input, which may have dots, too."""
    node = target.rpartition(".")[0]
    while "." in node and not graph.find(node):
        node = node.rpartition(".")[0]
    if graph.find(node):
        return node, ".", target[len(node) + 1 :]
    return target.rpartition(".")


def _parsed(text: str, spec: InputSpec | None) -> Any:
    if spec is not None and spec.io_type in ("STRING", "COMBO", DYNAMIC_COMBO):
        return text
    try:
        return input_value(json.loads(text))
    except json.JSONDecodeError:
        return text
