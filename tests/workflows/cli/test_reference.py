"""The reference of the command line is up to date, and whole."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinograph.workflows.cli import main
from kinograph.workflows.cli.parser import make_parser
from kinograph.workflows.cli.reference import pages


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of commands that have no subcommands."""
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested:
        yield parser
    for action in nested:
        for inner in action.choices.values():
            yield from leaves(inner)


def test_the_page_is_up_to_date(root: Path) -> None:
    """`kinograph reference --write` brings it up to date."""
    (name, text), *others = pages().items()
    assert not others
    assert (root / name).read_text(encoding="utf-8") == text


def test_the_page_has_every_command_and_option() -> None:
    text = pages()["docs/cli.md"]
    commands = list(leaves(make_parser()))
    assert len(commands) > 15
    for parser in commands:
        section = text.split(f"\n## {parser.prog}\n")[1].split("\n## ")[0]
        for action in parser._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or option in section, f"{parser.prog} {option}"


def test_every_command_shows_tracebacks_on_demand() -> None:
    benches = [p for p in leaves(make_parser(["bench"])) if p.prog.startswith("kinograph bench ")]
    assert len(benches) > 5
    for parser in (*leaves(make_parser()), *benches):
        assert "--debug" in parser._option_string_actions, parser.prog


def test_the_command_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["reference", "--root", str(tmp_path)]
    assert main([*command, "--check"]) == 2
    assert "expected a checkout of Kinograph" in capsys.readouterr().err
    (tmp_path / "pyproject.toml").touch()
    assert main([*command, "--check"]) == 1
    assert f"{tmp_path / 'docs' / 'cli.md'}: out of date" in capsys.readouterr().out
    assert main([*command, "--write"]) == 0
    assert (tmp_path / "docs" / "cli.md").read_text(encoding="utf-8") == pages()["docs/cli.md"]
    assert main([*command, "--check"]) == 0


def test_groups_have_their_commands_only_where_they_are_named() -> None:
    """So that help does not import what it does not show."""
    for argv, there in ((["rtdetr", "train"], True), (["--help"], False), ([], True)):
        progs = {parser.prog for parser in leaves(make_parser(argv))}
        assert ("kinograph rtdetr train" in progs) is there, argv
        assert "kinograph pose" in progs


def test_models_are_commands_only_where_they_are_asked_for() -> None:
    assert "bench movenet_multipose" not in "".join(p.prog for p in leaves(make_parser()))
    assert "bench movenet_multipose" in "".join(p.prog for p in leaves(make_parser(["bench"])))
