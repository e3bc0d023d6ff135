"""What a command is, and how commands are found: every module of `commands` holds one.

A module of `commands` defines one of

    COMMAND: Command               a command
    COMMANDS: CommandFamily        one command per name of a list, such as the models

and a package of `commands` defines `GROUP: Group`, whose modules are its subcommands. Modules whose
names start with an underscore are none of these.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

Arguments = Callable[[argparse.ArgumentParser], None]
"""Adds arguments to the parser of a command."""


@dataclass(frozen=True)
class Command:
    """A command of `kinograph`, or of one of its groups.

    help:        one line for the list of commands
    run:         runs the command with its parsed arguments and returns the exit status
    arguments:   functions that add arguments, in order
    description: the text above the arguments in the command's own help
    epilog:      the text below them; line breaks of both are kept if there is one
    order:       place in the list of commands, ascending
    """

    name: str
    help: str
    run: Callable[[argparse.Namespace], int]
    arguments: Sequence[Arguments] = ()
    description: str | None = None
    epilog: str | None = None
    order: int = 1000


@dataclass(frozen=True)
class CommandFamily:
    """Commands that differ by name only.

    metavar: stands for the name in the documentation
    names:   returns the names; called only when a command line is about the group
    command: makes the command of a name
    """

    metavar: str
    names: Callable[[], Iterable[str]]
    command: Callable[[str], Command]
    order: int = 1000


@dataclass(frozen=True)
class Group:
    """A command with subcommands; `metavar` stands for them in its usage."""

    name: str
    help: str
    metavar: str
    arguments: Sequence[Arguments] = ()
    order: int = 1000


Entry = Command | CommandFamily | tuple[Group, ModuleType]


def find_commands(package: ModuleType) -> list[Entry]:
    """Return what the modules of a package define, in the order of the help.

    Groups come with their package. Raises `TypeError` for a module that defines nothing.
    """
    entries: list[Entry] = []
    for info in iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        module = import_module(f"{package.__name__}.{info.name}")
        if info.ispkg:
            entries.append((module.GROUP, module))
            continue
        entry = getattr(module, "COMMAND", None) or getattr(module, "COMMANDS", None)
        if not isinstance(entry, Command | CommandFamily):
            raise TypeError(f"{module.__file__}: expected COMMAND or COMMANDS, found neither")
        entries.append(entry)
    return sorted(entries, key=_place)


def _place(entry: Entry) -> tuple[int, str]:
    one = entry[0] if isinstance(entry, tuple) else entry
    return one.order, one.metavar if isinstance(one, CommandFamily) else one.name
