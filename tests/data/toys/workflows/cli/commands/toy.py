"""`kinograph toy`: says hello."""

import argparse

from ..command import Command


def _run(arguments: argparse.Namespace) -> int:
    print(f"hello {arguments.name}")
    return 0


COMMAND = Command(
    name="toy",
    help="say hello",
    arguments=[lambda parser: parser.add_argument("name") and None],
    run=_run,
)
