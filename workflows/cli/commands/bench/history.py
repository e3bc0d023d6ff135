"""`kinograph bench history`: the figures of several runs of `kinograph bench all`, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import add_debug
from ...command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reports",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a report of `kinograph bench all --json FILE`",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write the page there, not on the terminal",
    )


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.files import atomic_write
    from ....bench.history import history

    page = history(arguments.reports)
    if arguments.output is None:
        print(page, end="")
        return 0
    with atomic_write(arguments.output) as aside:
        aside.write_text(page, encoding="utf-8")
    print(f"wrote {arguments.output}")
    return 0


COMMAND = Command(
    name="history",
    help="put reports of `bench all` side by side, as a page of Markdown",
    run=_run,
    arguments=(add_debug, _add_arguments),
    order=6,
)
