"""`kinograph engines verify`: check the files and the outputs of engines."""

from __future__ import annotations

import argparse

from ...arguments import add_debug
from ...command import Command
from ._findings import add_names, engine_cache, print_findings


def _run(arguments: argparse.Namespace) -> int:
    from .....engines.runtime.upkeep import verified

    cache = engine_cache()
    return print_findings(cache, verified(cache, arguments.names))


COMMAND = Command(
    name="verify",
    help="read every byte, run what this machine can run, and compare with the reference",
    run=_run,
    arguments=(add_debug, add_names),
    order=20,
)
