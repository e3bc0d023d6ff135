"""`kinograph parity`: compare a model's outputs on several backends with the reference."""

from __future__ import annotations

import argparse

from ..arguments import add_debug, add_device
from ..command import Command
from ..suite import add_suite, run_suite_command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a name that `kinograph doctor` lists")
    parser.set_defaults(runs=0, warmup=0, batch=1, size=None)


COMMAND = Command(
    name="parity",
    help="compare a model's outputs on several backends with the reference",
    run=run_suite_command,
    arguments=(add_debug, add_device, add_suite, _add_arguments),
    order=120,
)
