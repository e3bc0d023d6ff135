"""Assign values to inputs of a graph: the command line's `--set NODE.INPUT=VALUE`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from ...engines.errors import GraphError
from ...nodes.standin.io import DYNAMIC_COMBO, InputSpec
from .catalogue import Catalogue
from .decoding import cut
from .dynamic import present
from .model import Graph, Link, Node, input_value
from .plan import coerced, self_checked_inputs


def with_values(graph: Graph, assignments: Sequence[str], catalogue: Catalogue) -> Graph:
    """Return the graph with values assigned to inputs.

    assignments: "NODE.INPUT=VALUE" each; NODE is an id, or the title or class of one node; VALUE
                 is parsed as JSON if it is valid JSON, and is text otherwise

    Raises `GraphError` for an assignment that is malformed, whose node or input does not exist, or
    whose value the input does not take.
    """
    nodes = dict(graph.nodes)
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        node_name, dot, name = _halves(graph, target)
        if not equals or not dot:
            raise GraphError(f"--set {assignment}: expected NODE.INPUT=VALUE, e.g. 1.file=clip.mp4")
        option = f"--set {cut(assignment)}"
        node = nodes[graph.one(node_name, option).id]  # with the values assigned before
        schema = catalogue.schema(node.class_type)
        specs = {s.id: s for s in present(schema.inputs, node.inputs)} if schema else {}
        if schema and name not in specs:
            near = get_close_matches(name, specs, 1)
            hint = f"did you mean {near[0]}?" if near else f"inputs: {', '.join(specs)}"
            raise GraphError(f"{option}: {node.label} has no input {cut(name)!r}; {hint}")
        value = _parsed(text, specs.get(name))
        if name in specs and not isinstance(value, Link):
            value, problem = coerced(value, specs[name], bounds=_bounded(name, node, catalogue))
            if problem:
                raise GraphError(f"{option}: {problem}")
        nodes[node.id] = replace(node, inputs={**node.inputs, name: value})
    return replace(graph, nodes=nodes)


def _bounded(name: str, node: Node, catalogue: Catalogue) -> bool:
    """Return whether the schema, and not the node itself or a server, says which values fit."""
    if not catalogue.has_class(node.class_type):
        return False
    is_checked = self_checked_inputs(catalogue.node(node.class_type))
    return not is_checked(name.partition(".")[0])


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
