"""Load graphs from files: API format, editor workflows, and media that carry either."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...engines.errors import GraphError
from ...nodes.standin.io import Schema
from .catalogue import catalogue
from .decoding import MAX_BYTES, MAX_NODES, cut, decode, short, too_many_nodes
from .editor.convert import convert
from .editor.nodes import definitions_of
from .editor.saved import is_editor_workflow
from .embedded import MEDIA_SUFFIXES, embedded_graph
from .model import Graph, Node, input_value


def load_graph(path: Path) -> Graph:
    """Load the graph in a file.

    The file is JSON in the API format or as the editor saves it, or a picture or video that ComfyUI
    or Kinograph has embedded a graph in. Raises `GraphError` for anything else.
    """
    return parse_graph(read_json(path), str(path))


def read_json(path: Path) -> Any:
    """Return the decoded JSON of a graph file, or of the graph embedded in a picture or video.

    Raises `GraphError` for a file that cannot be read or has no graph in it.
    """
    if path.suffix.lower() in MEDIA_SUFFIXES and path.is_file():
        return embedded_graph(path)
    return _decoded(path, "a graph")


def read_definitions(path: Path) -> dict[str, Schema]:
    """Return the schemas in a saved response of a ComfyUI at /object_info, by class.

    Raises `GraphError` for a file that cannot be read or defines no node.
    """
    data = _decoded(path, "node definitions")
    definitions = definitions_of(data) if isinstance(data, dict) else {}
    if not definitions:
        raise GraphError(
            f"{path}: expected the node definitions of a ComfyUI, as it lists them at "
            f"/object_info, found {short(data)}"
        )
    return definitions


def _decoded(path: Path, what: str) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise GraphError(f"{path}: there is no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise GraphError(
            f"{path}: expected {what} as JSON text, but the file cannot be read: {error}"
        ) from error
    if len(data) > MAX_BYTES:
        raise GraphError(
            f"{path}: expected {what} of at most {MAX_BYTES // 2**20} MiB, found a larger file"
        )
    return decode(data, str(path), what)


def parse_graph(data: Any, source: str, definitions: Mapping[str, Schema] | None = None) -> Graph:
    """Return the graph in decoded JSON.

    data:        the API format, bare or as {"prompt": graph}, or a workflow of the editor, which is
                 converted
    source:      the file, for messages
    definitions: node schemas by class for the conversion; default: those of the headless catalogue

    Raises `GraphError` with the node, what was expected and what was found.
    """
    if isinstance(data, dict) and isinstance(data.get("prompt"), dict):
        data = data["prompt"]
    if is_editor_workflow(data):
        graph = convert(data, source, definitions or catalogue().definitions())
        return replace(graph, workflow=data)
    if not isinstance(data, dict) or not data:
        raise GraphError(
            f"{source}: expected an object with one entry per node, found {short(data)}"
        )
    if len(data) > MAX_NODES:
        raise too_many_nodes(source, len(data))
    nodes = {}
    for id_, entry in data.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("class_type"), str):
            raise GraphError(
                f"{source}: node {cut(id_)}: expected an object with a class_type, "
                f"found {short(entry)}"
            )
        inputs = entry.get("inputs", {})
        if not isinstance(inputs, dict):
            raise GraphError(
                f"{source}: node {cut(id_)}: expected inputs as an object, found {short(inputs)}"
            )
        meta = entry.get("_meta")
        title = meta.get("title", "") if isinstance(meta, dict) else ""
        values = {name: input_value(value) for name, value in inputs.items()}
        nodes[id_] = Node(id_, entry["class_type"], values, str(title))
    return Graph(source, nodes)
