"""`kinograph engines prune`: remove engines that are damaged, left over or out of date."""

from __future__ import annotations

import argparse

from ...arguments import add_debug
from ...command import Command
from ._findings import add_names, engine_cache, print_findings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="remove every engine")
    parser.add_argument(
        "--older-than",
        type=float,
        default=0.0,
        metavar="DAYS",
        help="also remove engines older than DAYS days",
    )


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.runtime.upkeep import pruned

    cache = engine_cache()
    findings = pruned(cache, arguments.names, everything=arguments.all, days=arguments.older_than)
    return print_findings(cache, findings)


COMMAND = Command(
    name="prune",
    help="remove engines that are damaged, left over, or built by another version",
    run=_run,
    arguments=(add_debug, add_names, _add_arguments),
    order=30,
)
