"""`kinograph run`: run a graph, here or on a running ComfyUI."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from ..arguments import (
    add_debug,
    add_device,
    add_graph,
    add_output_dir,
    add_reading,
    add_server,
    count,
    input_folders,
    reading_of,
    server_of,
)
from ..command import Command

if TYPE_CHECKING:
    from ...execution.outcome import NodeRun
    from ...execution.report import Report
    from ..terminal import Bars


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--chunk",
        type=count,
        default=0,
        metavar="N",
        help="process N frames at a time, for videos of any length; resumes an interrupted run",
    )
    parser.add_argument(
        "--restart", action="store_true", help="with --chunk: start over instead of resuming"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NODE",
        help="run this output node, an id or a class, and what it depends on; may be "
        "given several times",
    )
    add_server(
        parser,
        "run on this ComfyUI, e.g. http://127.0.0.1:8188: files that it lacks are uploaded, and "
        "what it saves is downloaded to the output folder",
    )
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="print a report as JSON, or write it to FILE; goes after GRAPH",
    )


def run_command(arguments: argparse.Namespace) -> int:
    """Run the graph and print or write the report; also what `kinograph demo` does."""
    from ....engines.errors import KinographError
    from ..terminal import Bars

    failure: KinographError | None = None
    try:
        with Bars() as bars:
            report = _run(arguments, bars)
    except KinographError as error:  # nothing could run
        if arguments.json is None:
            raise
        report = _failed(arguments, error)
        failure = error
    with redirect_stdout(sys.stderr if arguments.json == "-" else sys.stdout):
        if failure is None:
            _print(report, downloaded=bool(arguments.server))
    _write_json(report, arguments.json)
    failure = failure or report.failure
    if failure is not None and arguments.debug:
        raise failure
    for text in report.errors:
        source = "" if text.startswith(report.graph) else f"{report.graph}: "
        print(f"kinograph: {source}{text}", file=sys.stderr)
    return 0 if report.ok else 2


def _run(arguments: argparse.Namespace, bars: Bars) -> Report:
    from ....engines.errors import InputError
    from ....engines.video.timing import ReadOptions

    server = server_of(arguments)
    if arguments.restart and not arguments.chunk:
        raise InputError("--restart: needs --chunk N")
    if server is not None:
        if arguments.chunk:
            raise InputError(
                "--chunk: ComfyUI processes whole clips; leave out --chunk, or leave out --server "
                "to run here"
            )
        if reading_of(arguments) != ReadOptions():
            raise InputError(
                "--start, --duration, --every and --fps: ComfyUI reads whole videos; use the node "
                "Load Video Frames, or leave out --server to run here"
            )
        from ...remote.run_on_server import run_on_server

        return run_on_server(
            arguments.graph,
            server,
            arguments.set,
            arguments.output_dir,
            input_folders(arguments.graph),
            bars.start,
            only=arguments.only,
        )
    from ....nodes.standin import host
    from ...execution.run_graph import run_graph
    from ...graph.assign import with_values
    from ...graph.catalogue import catalogue
    from ...graph.load import load_graph
    from ...graph.only import chosen_outputs

    nodes = catalogue()
    settings = host.Settings(
        output=arguments.output_dir,
        inputs=input_folders(arguments.graph),
        device=arguments.device,
        reading=reading_of(arguments),
    )
    graph = with_values(load_graph(arguments.graph), arguments.set, nodes)
    return run_graph(
        graph,
        settings,
        nodes=nodes,
        chunk=arguments.chunk,
        restart=arguments.restart,
        progress=bars.start,
        only=chosen_outputs(graph, arguments.only, nodes),
        refused=_announce,
    )


def _announce(problem: str) -> None:
    print(f"left out, as it cannot run: {problem}", file=sys.stderr)


def _failed(arguments: argparse.Namespace, error: Exception) -> Report:
    from ...execution.report import Report

    device = arguments.server or arguments.device
    return Report(False, errors=(str(error),), graph=str(arguments.graph), device=device)


def _print(report: Report, *, downloaded: bool) -> None:
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    _print_nodes(report.nodes)
    if report.files and (downloaded or report.errors):
        print("\nsaved before it stopped:" if report.failure else "\nsaved here:")
        for path in report.files:
            print(f"  {path}")


def _print_nodes(runs: Sequence[NodeRun]) -> None:
    """Print seconds by node, then the texts of the nodes: backends, people, paths."""
    from ..terminal import print_table

    if not runs:
        return
    total = sum(run.seconds for run in runs)
    print()
    rows = [[run.id, run.title, f"{run.seconds:.2f}"] for run in runs]
    print_table(["node", "stage", "seconds"], [*rows, ["", "total", f"{total:.2f}"]], "seconds")
    lines = [(run.title, line) for run in runs if run.text for line in run.text.splitlines()]
    if lines:
        print()
        previous = ""
        width = max(len(title) for title, _ in lines)
        for title, line in lines:
            print(f"{title if title != previous else '':<{width}}  {line}")
            previous = title


def _write_json(report: Report, target: str | None) -> None:
    from ..terminal import write_report

    if target == "-":
        json.dump(report.as_dict(), sys.stdout, indent=2)
        print()
    elif target is not None:
        write_report(report.as_dict(), Path(target))


COMMAND = Command(
    name="run",
    help="run a graph, here or on a running ComfyUI",
    run=run_command,
    arguments=(add_graph, add_debug, add_device, add_output_dir, _add_arguments, add_reading),
    description="Run a graph: a workflow saved by the editor, one exported for the API, or a "
    "picture or video that has one embedded.",
    epilog="""exit status:
  0    everything was done
  1    an internal error: a defect of Kinograph; --debug shows where
  2    a user error, described on the error stream; what was done until then is kept
  130  cancelled (Ctrl-C)
""",
    order=20,
)
