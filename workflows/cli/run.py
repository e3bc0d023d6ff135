"""The subcommands `run` and `demo`."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Parents, add_server, count, input_folders, server_of

if TYPE_CHECKING:
    from ..execution.report import Bars
    from ..execution.run import Report

DEMO_GRAPH = Path(__file__).parents[1] / "api" / "pose_to_vace.json"

EXIT_CODES = """exit status:
  0    everything was done
  1    an internal error: a defect of Kinograph; --debug shows where
  2    a mistake that you can mend, said on the error stream: what was done until then is kept
  130  cancelled (Ctrl-C)
"""


def add_commands(commands: Any, parents: Parents) -> None:
    """Add the subcommands to the parser's `commands`."""
    demo = commands.add_parser(
        "demo",
        parents=[parents.common, parents.running, parents.saving],
        help="run the shipped graph on the shipped clip",
    )
    demo.set_defaults(
        run=_run, graph=DEMO_GRAPH, set=[], json=None, chunk=0, restart=False, server="", header=[]
    )
    run = commands.add_parser(
        "run",
        parents=[parents.graph, parents.common, parents.running, parents.saving],
        help="run a graph, here or on a running ComfyUI",
        description="Run a graph: a workflow saved by the editor, one exported for the API, or a "
        "picture or video that carries one.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "--chunk",
        type=count,
        default=0,
        metavar="N",
        help="work on N frames at a time, for videos of any length; goes on where it was cut short",
    )
    run.add_argument(
        "--restart", action="store_true", help="with --chunk: begin anew instead of going on"
    )
    add_server(
        run,
        "run on this ComfyUI, e.g. http://127.0.0.1:8188: files that it lacks are uploaded, what "
        "it saves comes into the output folder",
    )
    run.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="print a report as JSON, or write it to FILE; stands after GRAPH",
    )
    run.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from ...engines.errors import KinographError
    from ..execution.report import Bars

    failed: KinographError | None = None
    try:
        with Bars() as bars:
            report = _report(arguments, bars)
    except KinographError as error:  # nothing could run
        if arguments.json is None:
            raise
        report = _nothing(arguments, error)
        failed = error
    with redirect_stdout(sys.stderr if arguments.json == "-" else sys.stdout):
        if failed is None:
            _say(report, brought=bool(arguments.server))
    _write_json(report, arguments.json)
    failed = failed or report.failure
    if failed is not None and arguments.debug:
        raise failed
    for error_text in report.errors:
        source = "" if error_text.startswith(report.graph) else f"{report.graph}: "
        print(f"kinograph: {source}{error_text}", file=sys.stderr)
    return 0 if report.ok else 2


def _report(arguments: argparse.Namespace, bars: Bars) -> Report:
    from ...engines.errors import InputError

    server = server_of(arguments)
    if arguments.restart and not arguments.chunk:
        raise InputError("--restart: goes with --chunk N")
    if server is not None:
        if arguments.chunk:
            raise InputError(
                "--chunk: ComfyUI takes whole clips; leave out --chunk, or --server to run here"
            )
        from ..remote.run import run_on_server

        return run_on_server(
            arguments.graph,
            server,
            arguments.set,
            arguments.output_dir,
            input_folders(arguments.graph),
            bars.start,
        )
    from ...nodes.standin import host
    from ..execution.run import run_graph
    from ..graph.catalogue import catalogue
    from ..graph.model import load_graph, with_values

    nodes = catalogue()
    settings = host.Settings(
        output=arguments.output_dir,
        inputs=input_folders(arguments.graph),
        device=arguments.device,
    )
    return run_graph(
        with_values(load_graph(arguments.graph), arguments.set, nodes),
        settings,
        nodes=nodes,
        chunk=arguments.chunk,
        restart=arguments.restart,
        progress=bars.start,
    )


def _nothing(arguments: argparse.Namespace, error: Exception) -> Report:
    from ..execution.run import Report

    device = arguments.server or arguments.device
    return Report(False, errors=(str(error),), graph=str(arguments.graph), device=device)


def _say(report: Report, *, brought: bool) -> None:
    from ..execution.report import print_runs

    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print_runs(report.nodes)
    if report.files and (brought or report.errors):
        print("\nsaved before it stopped:" if report.failure else "\nsaved here:")
        for path in report.files:
            print(f"  {path}")


def _write_json(report: Report, target: str | None) -> None:
    from ..execution.report import write_report

    if target == "-":
        json.dump(report.as_dict(), sys.stdout, indent=2)
        print()
    elif target is not None:
        write_report(report.as_dict(), Path(target))
