"""`kinograph engines list`: list the engines."""

from __future__ import annotations

import argparse

from ...arguments import add_debug
from ...command import Command
from ._findings import add_names, engine_cache, print_findings


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.runtime.upkeep import listed

    cache = engine_cache()
    return print_findings(cache, listed(cache, arguments.names))


COMMAND = Command(
    name="list",
    help="list the engines",
    run=_run,
    arguments=(add_debug, add_names),
    order=10,
)
