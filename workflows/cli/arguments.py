"""What subcommands share: arguments, and where a graph's files are looked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..remote.link import Server

MEDIA = Path(__file__).parents[1] / "media"
OUTPUT = Path("kinograph-output")


@dataclass(frozen=True)
class Parents:
    """Parts of subcommands, as argparse's `parents`.

    common:  --debug
    running: --device
    saving:  --output-dir
    graph:   GRAPH and --set
    """

    common: argparse.ArgumentParser
    running: argparse.ArgumentParser
    saving: argparse.ArgumentParser
    graph: argparse.ArgumentParser


def make_parents() -> Parents:
    """Parsers with these arguments and nothing else."""
    made = Parents(*(argparse.ArgumentParser(add_help=False) for _ in range(4)))
    made.common.add_argument("--debug", action="store_true", help="show tracebacks")
    made.running.add_argument(
        "--device", default="auto", help="where networks run: cpu, cuda or auto (default)"
    )
    made.saving.add_argument(
        "--output-dir", type=Path, default=OUTPUT, metavar="DIR", help=f"default: {OUTPUT}"
    )
    made.graph.add_argument("graph", type=Path, metavar="GRAPH")
    made.graph.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="change an input; NODE is an id or a class name that occurs once",
    )
    return made


def add_server(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add --server and --header."""
    parser.add_argument("--server", default="", metavar="URL", help=purpose)
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="with --server: a header of every request, e.g. Authorization='Bearer ...'",
    )


def server_of(arguments: argparse.Namespace) -> Server | None:
    """The server that was given. Raises `InputError` for what is no address, or a header without
    one."""
    if arguments.server:
        from ..remote.link import Server

        return Server.at(arguments.server, arguments.header)
    if arguments.header:
        from ...engines.errors import InputError

        raise InputError("--header: goes with --server URL")
    return None


def count(text: str) -> int:
    """0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected 0 or more, found {text}")
    return int(text)


def input_folders(graph: Path) -> tuple[Path, ...]:
    """Where the files that a graph names lie: here, beside it, or shipped with Kinograph."""
    return Path.cwd(), graph.resolve().parent, MEDIA
