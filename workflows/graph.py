"""Graphs in ComfyUI's API format: reading, changing and checking them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..engines.errors import GraphError
from ..nodes.standin.io import InputSpec, Schema
from .catalogue import Catalogue


@dataclass(frozen=True)
class Link:
    """The output `slot` of the node `node`."""

    node: str
    slot: int


@dataclass(frozen=True)
class Node:
    """A node of a graph: inputs are values or `Link`s; title is the user's own, or ""."""

    id: str
    class_type: str
    inputs: Mapping[str, Any]
    title: str = ""

    @property
    def label(self) -> str:
        return f"node {self.id} ({self.class_type})"

    def links(self) -> Iterable[tuple[str, Link]]:
        return ((name, value) for name, value in self.inputs.items() if isinstance(value, Link))


@dataclass(frozen=True)
class Graph:
    """Nodes by id; `source` is the file, for messages."""

    source: str
    nodes: Mapping[str, Node]


def load_graph(path: Path) -> Graph:
    """Read an API-format graph. Raises `GraphError` for anything else."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise GraphError(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise GraphError(
            f"{path}: expected a graph as JSON text, but it is not readable: {error}"
        ) from error
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise GraphError(f"{path}: is not JSON: {error}") from error
    return parse_graph(data, str(path))


def parse_graph(data: Any, source: str) -> Graph:
    """A graph from decoded JSON, bare or as {"prompt": graph}."""
    if isinstance(data, dict) and isinstance(data.get("prompt"), dict):
        data = data["prompt"]
    if isinstance(data, dict) and isinstance(data.get("nodes"), list):
        raise GraphError(
            f"{source}: this is a workflow of the editor; "
            "export it in ComfyUI with Workflow > Export (API) and run that file"
        )
    if not isinstance(data, dict) or not data:
        raise GraphError(
            f"{source}: expected an object with one entry a node, found {_short(data)}"
        )
    nodes = {}
    for id_, entry in data.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("class_type"), str):
            raise GraphError(
                f"{source}: node {id_}: expected an object with a class_type, found {_short(entry)}"
            )
        inputs = entry.get("inputs", {})
        if not isinstance(inputs, dict):
            raise GraphError(
                f"{source}: node {id_}: expected inputs as an object, found {_short(inputs)}"
            )
        meta = entry.get("_meta")
        title = meta.get("title", "") if isinstance(meta, dict) else ""
        values = {name: _value(value) for name, value in inputs.items()}
        nodes[id_] = Node(id_, entry["class_type"], values, str(title))
    return Graph(source, nodes)


def _value(raw: Any) -> Any:
    if (
        isinstance(raw, list)
        and len(raw) == 2
        and isinstance(raw[0], str)
        and isinstance(raw[1], int)
        and not isinstance(raw[1], bool)
    ):
        return Link(raw[0], raw[1])
    if isinstance(raw, dict) and set(raw) == {"__value__"}:
        return raw["__value__"]
    return raw


def with_values(graph: Graph, assignments: Sequence[str], catalogue: Catalogue) -> Graph:
    """The graph with inputs replaced: "NODE.INPUT=VALUE", NODE being an id or a class_type that
    occurs once; VALUE is read as JSON where it is JSON, else as text."""
    nodes = dict(graph.nodes)
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        node_name, dot, name = target.rpartition(".")
        if not equals or not dot:
            raise GraphError(f"--set {assignment}: expected NODE.INPUT=VALUE, e.g. 1.file=clip.mp4")
        matches = [n for n in nodes.values() if node_name in (n.id, n.class_type)]
        if node_name in nodes:
            matches = [nodes[node_name]]
        if len(matches) != 1:
            known = ", ".join(f"{n.id} ({n.class_type})" for n in graph.nodes.values())
            what = "there is no such node" if not matches else "more than one node is called so"
            raise GraphError(f"--set {assignment}: {what} in {graph.source}; nodes: {known}")
        node = matches[0]
        schema = catalogue.schema(node.class_type)
        names = [spec.id for spec in schema.inputs] if schema else []
        if schema and name not in names:
            raise GraphError(
                f"--set {assignment}: {node.label} has no input {name!r}; inputs: "
                f"{', '.join(names)}"
            )
        spec = next((s for s in schema.inputs if s.id == name), None) if schema else None
        nodes[node.id] = replace(node, inputs={**node.inputs, name: _typed(text, spec)})
    return replace(graph, nodes=nodes)


def _typed(text: str, spec: InputSpec | None) -> Any:
    if spec is not None and spec.io_type in ("STRING", "COMBO"):
        return text
    try:
        return _value(json.loads(text))
    except json.JSONDecodeError:
        return text


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
            problem = f"expected a link to a {spec.io_type} output, found {_short(value)}"
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
        return value, f"expected {kind}, found {_short(value)}"
    if kind == "COMBO" and spec.options and value not in spec.options:
        near = get_close_matches(str(value), spec.options, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return value, f"expected one of {', '.join(spec.options)}, found {_short(value)}{hint}"
    low, high = spec.widget.get("min"), spec.widget.get("max")
    if kind in ("INT", "FLOAT"):
        if value != value:
            return value, "expected a number, found NaN"
        if low is not None and value < low:
            return value, f"expected at least {low}, found {value}"
        if high is not None and value > high:
            return value, f"expected at most {high}, found {value}"
    return value, ""


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
