"""Commands are found from the tree: one module each, groups as packages."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from kinograph.workflows.cli.command import Command, CommandFamily, Group, find_commands

COMMAND = """
from kinograph.workflows.cli.command import Command
COMMAND = Command(name="{name}", help="", run=lambda arguments: {status}, order={order})
"""
FAMILY = """
from kinograph.workflows.cli.command import Command, CommandFamily
COMMANDS = CommandFamily("NAME", lambda: ["a", "b"], lambda name: Command(name, "", lambda _: 0))
"""
GROUP = """
from kinograph.workflows.cli.command import Group
GROUP = Group(name="many", help="", metavar="ONE", order=1)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package of commands: two commands, a group of a family, and a module that is neither."""
    folder = tmp_path / "toy_commands"
    (folder / "many").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "late.py").write_text(COMMAND.format(name="late", status=1, order=3))
    (folder / "early.py").write_text(COMMAND.format(name="early", status=2, order=2))
    (folder / "_shared.py").write_text("raise ImportError('not a command')")
    (folder / "many" / "__init__.py").write_text(GROUP)
    (folder / "many" / "names.py").write_text(FAMILY)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("toy_commands")
    for name in [name for name in sys.modules if name.startswith("toy_commands")]:
        del sys.modules[name]


def test_commands_come_from_the_modules_in_their_order(package: ModuleType) -> None:
    many, early, late = find_commands(package)
    assert isinstance(many, tuple)
    group, inner = many
    assert isinstance(group, Group)
    assert isinstance(early, Command)
    assert isinstance(late, Command)
    assert (group.name, early.name, late.name) == ("many", "early", "late")
    (family,) = find_commands(inner)
    assert isinstance(family, CommandFamily)
    assert [family.command(name).name for name in family.names()] == ["a", "b"]


def test_a_module_without_a_command_is_named(package: ModuleType) -> None:
    (path,) = package.__path__
    (Path(path) / "stray.py").write_text("")
    with pytest.raises(TypeError, match=r"stray.py: expected COMMAND or COMMANDS, found neither"):
        find_commands(package)
