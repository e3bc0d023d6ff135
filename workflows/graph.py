"""Graphs in ComfyUI's API format: reading and changing them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..engines.errors import GraphError
from ..nodes.standin.io import InputSpec
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
        raise GraphError(f"{source}: expected an object with one entry a node, found {short(data)}")
    nodes = {}
    for id_, entry in data.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("class_type"), str):
            raise GraphError(
                f"{source}: node {id_}: expected an object with a class_type, found {short(entry)}"
            )
        inputs = entry.get("inputs", {})
        if not isinstance(inputs, dict):
            raise GraphError(
                f"{source}: node {id_}: expected inputs as an object, found {short(inputs)}"
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


def short(value: Any) -> str:
    """A value as it is quoted in messages."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
