"""`kinograph validate`: check a graph without running it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..arguments import add_debug, input_folders
from ..command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("graph", type=Path, metavar="GRAPH", help="the file of a graph")
    parser.add_argument("--json", action="store_true", help="print a report as JSON")


def _run(arguments: argparse.Namespace) -> int:
    from ....engines.errors import GraphError
    from ....engines.words import counted

    report: dict[str, Any] = {"graph": str(arguments.graph), "ok": False, "nodes": 0}
    try:
        report |= _check(arguments.graph)
    except GraphError as error:
        if not arguments.json:
            raise
        problem = {"node": "", "input": "", "message": str(error)}
        report |= {"outputs": [], "warnings": [], "problems": [problem]}
    if arguments.json:
        print(json.dumps(report, indent=2))
        return 0 if report["ok"] else 2
    lines = [f"warning: {warning}" for warning in report["warnings"]]
    problems = (problem["message"] for problem in report["problems"])
    lines += [f"kinograph: {arguments.graph}: {message}" for message in problems]
    if lines:
        from ...graph.decoding import listed

        print(listed(lines, 40, "\n", 1000), file=sys.stderr)
    if report["ok"]:
        outputs = counted(len(report["outputs"]), "output")
        nodes = counted(report["nodes"], "node")
        print(f"{arguments.graph}: {nodes}, of which {report['needed']} run for {outputs}; valid")
    return 0 if report["ok"] else 2


def _check(path: Path) -> dict[str, Any]:
    """Return the outcome of the check of a graph file.

    Raises `GraphError` where nothing can run.
    """
    from ....nodes.standin import host
    from ...graph.catalogue import catalogue
    from ...graph.load import load_graph
    from ...graph.plan import check

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


COMMAND = Command(
    name="validate",
    help="check a graph without running it",
    run=_run,
    arguments=(add_debug, _add_arguments),
    description="Check a graph in either format without running it: nothing is downloaded, built "
    "or written. The exit status is 0 for a valid graph and 2 for an invalid one.",
    order=40,
)
