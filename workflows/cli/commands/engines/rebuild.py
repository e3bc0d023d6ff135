"""`kinograph engines rebuild`: rebuild engines that are damaged or out of date."""

from __future__ import annotations

import argparse

from ...arguments import add_debug
from ...command import Command
from ._findings import add_names, engine_cache, print_findings


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.runtime.upkeep import rebuilt

    cache = engine_cache()
    return print_findings(cache, rebuilt(cache, arguments.names))


COMMAND = Command(
    name="rebuild",
    help="rebuild engines that are damaged or were built by another version",
    run=_run,
    arguments=(add_debug, add_names),
    order=40,
)
