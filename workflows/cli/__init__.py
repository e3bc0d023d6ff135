"""The command `kinograph`. Imports what a subcommand needs when it runs: help is instant."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from ... import __version__
from ..execution.memory import keep_freed_memory
from . import batch as batch_cli
from . import bench as bench_cli
from . import convert as convert_cli
from . import engine as engine_cli
from . import eval as eval_cli
from . import live as live_cli
from . import run as run_cli
from .arguments import MEDIA, OUTPUT, make_parents
from .run import DEMO_GRAPH

__all__ = ["DEMO_GRAPH", "MEDIA", "OUTPUT", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0, or 2 for a mistake of the user's, 1 for one of ours, 130
    when cancelled."""
    argv = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser(argv).parse_args(argv)
    # Before PyTorch is imported: huge pages for large tensors, a third of a network's time on a
    # Linux CPU, where every fresh activation is otherwise paged in 4 KiB at a time.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    keep_freed_memory()
    from ...engines.errors import KinographError

    try:
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except KinographError as error:
        if arguments.debug:
            raise
        print(f"kinograph: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kinograph: cancelled", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0  # the reader of our output, e.g. head, has seen enough
    except Exception as error:
        if arguments.debug:
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"kinograph: internal error: {type(error).__name__}: {error} "
            f"({Path(last.filename).name}:{last.lineno}); run again with --debug and report it",
            file=sys.stderr,
        )
        return 1


def _parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    parents = make_parents()
    parser = argparse.ArgumentParser(
        prog="kinograph", description="Video to motion conditioning for VACE and ControlNet models."
    )
    parser.add_argument("--version", action="version", version=f"kinograph {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    for part in (run_cli, convert_cli, batch_cli, live_cli):
        part.add_commands(commands, parents)

    nodes = commands.add_parser(
        "nodes", parents=[parents.common], help="list the nodes and their sockets"
    )
    nodes.add_argument("--json", action="store_true", help="print as JSON")
    nodes.set_defaults(run=_nodes)

    doctor = commands.add_parser(
        "doctor", parents=[parents.common], help="say what this machine can do"
    )
    doctor.set_defaults(run=_doctor)

    bench = commands.add_parser("bench", parents=[parents.common], help="measure")
    subjects = bench.add_subparsers(required=True, metavar="SUBJECT")
    bench_cli.add_commands(subjects, parents)
    # The registry is read only where its names are asked for.
    engine_cli.add_commands(commands, subjects, parents, models="bench" in argv)
    eval_cli.add_commands(commands, parents)
    return parser


def _nodes(arguments: argparse.Namespace) -> int:
    from ..execution.report import print_nodes, schema_as_dict
    from ..graph.catalogue import catalogue

    nodes = catalogue()
    if arguments.json:
        print(json.dumps({n: schema_as_dict(nodes.require(n)) for n in nodes.names()}, indent=2))
    else:
        print_nodes(nodes)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from .doctor import print_doctor

    print_doctor()
    return 0
