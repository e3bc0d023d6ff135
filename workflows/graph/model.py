"""Graphs: read from a file of either form, changed, and written in ComfyUI's API format."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...engines.errors import GraphError
from ...nodes.standin.io import InputSpec, Schema
from .catalogue import Catalogue, catalogue
from .editor.form import is_editor_form

MOST_LEVELS = 200  # of lists and objects; a workflow has about ten, and Python gives up at 1000


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
    """Nodes by id; `source` is the file, for messages; `workflow` is the editor's form that the
    graph was made from, if it was."""

    source: str
    nodes: Mapping[str, Node]
    workflow: Mapping[str, Any] | None = None


def load_graph(path: Path) -> Graph:
    """Read a graph: JSON of the API format or of the editor, or a PNG, mp4 or webm that ComfyUI or
    Kinograph wrote it into. Raises `GraphError` for anything else."""
    return parse_graph(read_json(path), str(path))


def read_json(path: Path) -> Any:
    """The decoded JSON of a graph file, or that in a picture's or video's metadata.

    Raises `GraphError` where there is none.
    """
    from .editor.embedded import MEDIA, graph_in

    if path.suffix.lower() in MEDIA and path.is_file():
        return graph_in(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise GraphError(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise GraphError(
            f"{path}: expected a graph as JSON text, but it is not readable: {error}"
        ) from error
    return decoded(text, str(path))


def decoded(text: str, source: str) -> Any:
    """JSON text as data. Raises `GraphError` where it is none, or is nested too deeply."""
    try:
        data = json.loads(text)
    except ValueError as error:  # also numbers of too many digits
        raise GraphError(f"{source}: is not JSON: {error}") from error
    except RecursionError as error:
        raise _too_deep(source) from error
    if is_too_deep(data):
        raise _too_deep(source)
    return data


def _too_deep(source: str) -> GraphError:
    return GraphError(
        f"{source}: expected a graph, found more than {MOST_LEVELS} lists or objects in one another"
    )


def is_too_deep(data: Any) -> bool:
    """Whether decoded JSON has more than `MOST_LEVELS` lists or objects in one another."""
    level = [data]
    for _ in range(MOST_LEVELS + 1):
        level = [part for value in level for part in _parts(value)]
        if not level:
            return False
    return True


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def parse_graph(data: Any, source: str, definitions: Mapping[str, Schema] | None = None) -> Graph:
    """A graph from decoded JSON: the API format, bare or as {"prompt": graph}, or a workflow of the
    editor, which is converted by `definitions`, the headless catalogue's by default.

    Raises `GraphError` with the node, what was expected and what was found.
    """
    if isinstance(data, dict) and isinstance(data.get("prompt"), dict):
        data = data["prompt"]
    if is_editor_form(data):
        from .editor.convert import convert

        graph = convert(data, source, definitions or catalogue().definitions())
        return replace(graph, workflow=data)
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


def graph_as_json(graph: Graph) -> dict[str, Any]:
    """The graph in the API format, as ComfyUI's Workflow > Export (API) writes it: with titles,
    links as [node, output], and lists that are values as {"__value__": list}."""
    return {
        node.id: {
            "inputs": {name: _raw(value) for name, value in node.inputs.items()},
            "class_type": node.class_type,
            "_meta": {"title": node.title or node.class_type},
        }
        for node in graph.nodes.values()
    }


def _raw(value: Any) -> Any:
    if isinstance(value, Link):
        return [value.node, value.slot]
    return {"__value__": value} if isinstance(value, list) else value


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
        matches = nodes_called(graph, node_name)
        if len(matches) != 1:
            known = ", ".join(f"{n.id} ({n.class_type})" for n in graph.nodes.values())
            what = "there is no such node" if not matches else "more than one node is called so"
            raise GraphError(f"--set {assignment}: {what} in {graph.source}; nodes: {known}")
        node = nodes[matches[0].id]  # with what was set before
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


def nodes_called(graph: Graph, name: str) -> list[Node]:
    """The node with this id, or else all of this class."""
    if name in graph.nodes:
        return [graph.nodes[name]]
    return [node for node in graph.nodes.values() if node.class_type == name]


def _typed(text: str, spec: InputSpec | None) -> Any:
    if spec is not None and spec.io_type in ("STRING", "COMBO"):
        return text
    try:
        return _value(json.loads(text))
    except json.JSONDecodeError:
        return text


def short(value: Any) -> str:
    """A value as it is quoted in messages."""
    try:
        text = json.dumps(value, default=str)
    except (RecursionError, ValueError):  # deep, or a number of very many digits
        return f"a {type(value).__name__} too large to be shown"
    return text if len(text) <= 60 else f"{text[:57]}..."
