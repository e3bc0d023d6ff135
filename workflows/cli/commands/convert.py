"""`kinograph convert`: turn a workflow of the editor into the API format."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..arguments import add_debug, add_server, server_of
from ..command import Command

if TYPE_CHECKING:
    from ....nodes.standin.io import Schema
    from ...graph.model import Graph
    from ...remote.link import Server


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("graph", type=Path, metavar="EDITOR.json", help="the file to convert")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="API.json", help="default: standard output"
    )
    parser.add_argument(
        "--definitions",
        type=Path,
        metavar="FILE",
        help="take the node definitions from this file: the response of a ComfyUI at /object_info, "
        "saved as JSON",
    )
    add_server(
        parser,
        "take the node definitions from this running ComfyUI, e.g. http://127.0.0.1:8188: for "
        "nodes of other packs",
    )


def _run(arguments: argparse.Namespace) -> int:
    from ....engines.files import atomic_write
    from ....engines.words import counted
    from ...graph.load import parse_graph, read_json
    from ...graph.model import graph_as_json

    definitions = _definitions(arguments.definitions, server_of(arguments))
    source = str(arguments.graph)
    graph = parse_graph(read_json(arguments.graph), source, definitions)
    for warning in _unknown_nodes(graph, definitions):
        print(f"warning: {warning}", file=sys.stderr)
    text = json.dumps(graph_as_json(graph), indent=2) + "\n"
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    with atomic_write(arguments.output) as aside:
        aside.write_text(text, encoding="utf-8")
    print(f"{arguments.output}: {counted(len(graph.nodes), 'node')}")
    return 0


def _definitions(file: Path | None, server: Server | None) -> dict[str, Schema] | None:
    from ....engines.errors import InputError

    if file is not None and server is not None:
        raise InputError("--definitions and --server: expected one of them, found both")
    if file is not None:
        from ...graph.load import read_definitions

        return read_definitions(file)
    if server is None:
        return None
    from ...remote.definitions import server_definitions

    return server_definitions(server)


def _unknown_nodes(graph: Graph, definitions: Mapping[str, Schema] | None) -> list[str]:
    from ...graph.catalogue import catalogue

    known = definitions or catalogue().definitions()
    return [
        f"{node.label}: there is no such node class here; its inputs are taken from the file"
        for node in graph.nodes.values()
        if node.class_type not in known
    ]


COMMAND = Command(
    name="convert",
    help="turn a workflow of the editor into the API format",
    run=_run,
    arguments=(add_debug, _add_arguments),
    description="Turn a workflow that ComfyUI's editor saved into the API format, exactly as the "
    "editor itself would send it. A graph that is in the API format already is normalised; for a "
    "picture or video, the embedded graph is extracted.",
    order=30,
)
