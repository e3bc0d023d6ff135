"""Checking a graph before it runs, as ComfyUI does."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..engines.errors import GraphError
from ..nodes.standin.io import InputSpec, Schema
from .catalogue import Catalogue
from .graph import Graph, Link, Node, short


@dataclass(frozen=True)
class Plan:
    """A graph that has been checked: what to run, in order, with values of the right type.

    order:    ids of the output nodes and all that they need, every node after its sources
    values:   by node, the inputs with typed-in values coerced
    warnings: what is odd but does not stop the run
    """

    graph: Graph
    order: tuple[str, ...]
    values: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...]


def check(graph: Graph, catalogue: Catalogue) -> Plan:
    """Check a graph as ComfyUI does before it runs one.

    Raises `GraphError` with every problem, one a line: unknown nodes, and for the output nodes
    and all that they need: missing inputs, dangling links, cycles, wrong types, values out of
    range.
    """
    problems = []
    for node in graph.nodes.values():
        if catalogue.schema(node.class_type) is None:
            near = get_close_matches(node.class_type, catalogue.names(), 1)
            hint = f"did you mean {near[0]}?" if near else "kinograph nodes lists those there are"
            problems.append(
                f"{node.label}: there is no node class {node.class_type!r} here; {hint}"
            )
    if problems:
        raise _failure(graph, problems)
    outputs = [n.id for n in graph.nodes.values() if catalogue.require(n.class_type).is_output_node]
    if not outputs:
        raise _failure(graph, ["no output node, nothing to run; add one that saves or previews"])
    order = _in_order(graph, outputs, problems)
    values: dict[str, Mapping[str, Any]] = {}
    warnings: list[str] = []
    for id_ in order:
        node = graph.nodes[id_]
        schema = catalogue.require(node.class_type)
        values[id_] = _checked_inputs(graph, node, schema, catalogue, problems, warnings)
        if not problems:
            verdict = catalogue.node(node.class_type).validate_inputs(
                **{k: v for k, v in values[id_].items() if not isinstance(v, Link)}
            )
            if verdict is not True:
                problems.append(f"{node.label}: {verdict}")
    if problems:
        raise _failure(graph, problems)
    return Plan(graph, tuple(order), values, tuple(warnings))


def _failure(graph: Graph, problems: list[str]) -> GraphError:
    if len(problems) == 1:
        return GraphError(f"{graph.source}: {problems[0]}")
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return GraphError(f"{graph.source}: {len(problems)} problems\n{lines}")


def _in_order(graph: Graph, outputs: list[str], problems: list[str]) -> list[str]:
    """Depth first without recursion: a graph from a stranger may be deep."""
    order: list[str] = []
    state: dict[str, int] = {}  # 1 on the path, 2 done
    for output in outputs:
        stack = [(output, False)]
        path: list[str] = []
        while stack:
            id_, leaving = stack.pop()
            if leaving:
                path.pop()
                state[id_] = 2
                order.append(id_)
                continue
            if state.get(id_) == 2:
                continue
            if state.get(id_) == 1:
                cycle = " -> ".join([*path[path.index(id_) :], id_])
                problems.append(f"node {id_}: the links form a cycle: {cycle}; remove one of them")
                raise _failure(graph, problems)
            state[id_] = 1
            path.append(id_)
            stack.append((id_, True))
            for _, link in graph.nodes[id_].links():
                if link.node in graph.nodes:
                    stack.append((link.node, False))
    return order


def _checked_inputs(
    graph: Graph,
    node: Node,
    schema: Schema,
    catalogue: Catalogue,
    problems: list[str],
    warnings: list[str],
) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    for spec in schema.inputs:
        if spec.id not in node.inputs:
            if not spec.optional:
                hint = f"; its default is {spec.default!r}" if spec.is_widget else ""
                problems.append(
                    f"{node.label}: the input {spec.id!r} ({spec.io_type}) is missing{hint}"
                )
            continue
        value = node.inputs[spec.id]
        where = f"{node.label}, input {spec.id!r}"
        if isinstance(value, Link):
            problem = _link_problem(graph, value, spec, catalogue)
            values[spec.id] = value
        elif spec.is_widget:
            values[spec.id], problem = _coerced(value, spec)
        else:
            problem = f"expected a link to a {spec.io_type} output, found {short(value)}"
        if problem:
            problems.append(f"{where}: {problem}")
    for name in node.inputs.keys() - {spec.id for spec in schema.inputs}:
        warnings.append(f"{node.label}: has no input {name!r}; it is ignored")
    return values


def _link_problem(graph: Graph, link: Link, spec: InputSpec, catalogue: Catalogue) -> str:
    source = graph.nodes.get(link.node)
    if source is None:
        return f"linked to node {link.node}, which does not exist"
    outputs = catalogue.require(source.class_type).outputs
    if not 0 <= link.slot < len(outputs):
        has = f"has {len(outputs)} output{'s' * (len(outputs) != 1)}"
        return f"linked to output {link.slot} of {source.label}, which {has} (counted from 0)"
    given = outputs[link.slot].io_type
    if not _fits(given, spec.io_type):
        return f"expected {spec.io_type}, but output {link.slot} of {source.label} is {given}"
    return ""


def _fits(given: str, wanted: str) -> bool:
    """ComfyUI's rule: "*" takes anything, "A,B" is a union, given must lie in wanted."""
    if "*" in (given, wanted):
        return True
    return set(given.split(",")) <= set(wanted.split(","))


def _coerced(value: Any, spec: InputSpec) -> tuple[Any, str]:
    """ComfyUI's coercion of typed-in values, then its bounds; the value and the problem or ""."""
    kind = spec.io_type
    try:
        if kind == "INT":
            value = int(value)
        elif kind == "FLOAT":
            value = float(value)
        elif kind == "STRING":
            value = str(value)
        elif kind == "BOOLEAN":
            value = bool(value)
    except (TypeError, ValueError, OverflowError):
        return value, f"expected {kind}, found {short(value)}"
    if kind == "COMBO" and spec.options and value not in spec.options:
        near = get_close_matches(str(value), spec.options, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return value, f"expected one of {', '.join(spec.options)}, found {short(value)}{hint}"
    low, high = spec.widget.get("min"), spec.widget.get("max")
    if kind in ("INT", "FLOAT"):
        if value != value:
            return value, "expected a number, found NaN"
        if low is not None and value < low:
            return value, f"expected at least {low}, found {value}"
        if high is not None and value > high:
            return value, f"expected at most {high}, found {value}"
    return value, ""
