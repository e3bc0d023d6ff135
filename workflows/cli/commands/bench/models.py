"""`kinograph bench MODEL`: latency of one model on every backend."""

from __future__ import annotations

import argparse

from ...arguments import add_debug, add_device
from ...command import Command, CommandFamily
from ...suite import add_suite, run_suite_command


def _names() -> list[str]:
    from .....engines.models.registry import registry

    return list(registry())


def _command(name: str) -> Command:
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=1, help="images per call (default 1)")
        parser.add_argument(
            "--size", metavar="WxH", help="default: 16:9 at the recommended size of the model"
        )
        parser.add_argument("--runs", type=int, default=50, help="measured calls (default 50)")
        parser.add_argument(
            "--warmup", type=int, default=10, help="calls before the measurement (default 10)"
        )
        parser.set_defaults(model=name)

    return Command(
        name=name,
        help="time this model on every backend",
        run=run_suite_command,
        arguments=(add_debug, add_device, add_suite, add_arguments),
    )


COMMANDS = CommandFamily(metavar="MODEL", names=_names, command=_command, order=30)
