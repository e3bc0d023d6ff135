"""The parser of the command line, assembled from the commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from textwrap import fill
from types import ModuleType
from typing import Any

from ... import __version__
from . import commands
from .command import Command, CommandFamily, find_commands


def make_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser for a command line.

    argv: a group gets its commands only if it is named here, and so do families of commands, such
          as the models of `bench`: what a line is not about is not imported. Without arguments
          every group has its commands
    """
    parser = argparse.ArgumentParser(
        prog="kinograph", description="Video to motion conditioning for VACE and ControlNet models."
    )
    parser.add_argument("--version", action="version", version=f"kinograph {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_commands(subparsers, commands, argv, families=False)
    return parser


def _add_commands(
    subparsers: Any, package: ModuleType, argv: Sequence[str], *, families: bool
) -> None:
    for entry in find_commands(package):
        if isinstance(entry, Command):
            add_command(subparsers, entry)
        elif isinstance(entry, CommandFamily):
            for name in entry.names() if families else ():
                add_command(subparsers, entry.command(name))
        else:
            group, inner = entry
            parser = subparsers.add_parser(group.name, help=group.help)
            for add in group.arguments:
                add(parser)
            if group.name in argv or not argv:
                nested = parser.add_subparsers(required=True, metavar=group.metavar)
                _add_commands(nested, inner, argv, families=group.name in argv)


def add_command(subparsers: Any, command: Command) -> None:
    """Add the parser of a command to its siblings."""
    description = command.description
    parser = subparsers.add_parser(
        command.name,
        help=command.help,
        description=description and fill(description, 80),
        epilog=command.epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for add in command.arguments:
        add(parser)
    parser.set_defaults(run=command.run)
