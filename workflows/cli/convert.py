"""The subcommands `convert` and `validate`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Parents, add_server, input_folders, server_of

if TYPE_CHECKING:
    from ...nodes.standin.io import Schema
    from ..graph.model import Graph
    from ..remote.link import Server


def add_commands(commands: Any, parents: Parents) -> None:
    """Add the subcommands to the parser's `commands`."""
    convert = commands.add_parser(
        "convert",
        parents=[parents.common],
        help="turn a workflow of the editor into the API format",
        description="Turn a workflow that ComfyUI's editor saved into the API format, just as the "
        "editor itself sends it. A graph in API format is written anew; a PNG, mp4 or webm gives "
        "the graph that it carries.",
    )
    convert.add_argument("graph", type=Path, metavar="EDITOR.json")
    convert.add_argument(
        "-o", "--output", type=Path, metavar="API.json", help="default: printed on standard output"
    )
    add_server(
        convert,
        "take the definitions of nodes from this running ComfyUI, e.g. http://127.0.0.1:8188: for "
        "nodes of other packs",
    )
    convert.set_defaults(run=_convert)

    validate = commands.add_parser(
        "validate",
        parents=[parents.common],
        help="check a graph without running it",
        description="Check a graph of either form without running it: nothing is downloaded, built "
        "or written. Exit status 0 for a sound graph, 2 for one that is not.",
    )
    validate.add_argument("graph", type=Path, metavar="GRAPH")
    validate.add_argument("--json", action="store_true", help="print a report as JSON")
    validate.set_defaults(run=_validate)


def _convert(arguments: argparse.Namespace) -> int:
    from ...engines.files import written_aside
    from ..graph.model import graph_as_json, parse_graph, read_json

    definitions = _definitions(server_of(arguments))
    source = str(arguments.graph)
    graph = parse_graph(read_json(arguments.graph), source, definitions)
    for warning in _foreign(graph, definitions):
        print(f"warning: {warning}", file=sys.stderr)
    text = json.dumps(graph_as_json(graph), indent=2) + "\n"
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    with written_aside(arguments.output) as aside:
        aside.write_text(text, encoding="utf-8")
    print(f"{arguments.output}: {_nodes(len(graph.nodes))}")
    return 0


def _definitions(server: Server | None) -> dict[str, Schema] | None:
    if server is None:
        return None
    from ..remote.definitions import server_definitions

    return server_definitions(server)


def _nodes(number: int) -> str:
    return f"{number} node{'s' * (number != 1)}"


def _foreign(graph: Graph, definitions: Mapping[str, Schema] | None) -> list[str]:
    from ..graph.catalogue import catalogue

    known = definitions or catalogue().definitions()
    return [
        f"{node.label}: there is no such node class here; its inputs are as the file says"
        for node in graph.nodes.values()
        if node.class_type not in known
    ]


def _validate(arguments: argparse.Namespace) -> int:
    from ...engines.errors import GraphError

    report: dict[str, Any] = {"graph": str(arguments.graph), "ok": False, "nodes": 0}
    try:
        report |= _checked(arguments.graph)
    except GraphError as error:
        if not arguments.json:
            raise
        problem = {"node": "", "input": "", "message": str(error)}
        report |= {"outputs": [], "warnings": [], "problems": [problem]}
    if arguments.json:
        print(json.dumps(report, indent=2))
        return 0 if report["ok"] else 2
    for warning in report["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    for found in report["problems"]:
        print(f"kinograph: {arguments.graph}: {found['message']}", file=sys.stderr)
    if report["ok"]:
        print(
            f"{arguments.graph}: {_nodes(report['nodes'])}, of which {report['needed']} run for "
            f"{len(report['outputs'])} output{'s' * (len(report['outputs']) != 1)}; sound"
        )
    return 0 if report["ok"] else 2


def _checked(path: Path) -> dict[str, Any]:
    """What checking the graph in a file finds. Raises `GraphError` where nothing could run."""
    from ...nodes.standin import host
    from ..graph.catalogue import catalogue
    from ..graph.model import load_graph
    from ..graph.plan import check

    graph = load_graph(path)
    with host.using(host.Settings(inputs=input_folders(path))):
        plan = check(graph, catalogue())
    return {
        "ok": not plan.problems,
        "nodes": len(graph.nodes),
        "needed": len(plan.order),
        "outputs": list(plan.outputs),
        "warnings": list(plan.warnings),
        "problems": [problem.as_dict() for problem in plan.problems],
    }
