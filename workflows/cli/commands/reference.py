"""`kinograph reference`: write or check the pages that are generated from the source."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from ..arguments import add_debug
from ..command import Command

ROOT = Path(__file__).resolve().parents[3]  # of the repository, which is the package itself


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write the pages that are out of date")
    mode.add_argument(
        "--check",
        action="store_true",
        help="list the pages that are out of date; the exit status is 1 if there are any",
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, metavar="DIR", help="default: the running checkout"
    )


def pages() -> Mapping[str, str]:
    """Return all generated pages: path below the root of the repository -> text."""
    from ..reference import pages as cli_pages

    package = __package__.rsplit(".", 3)[0]
    generated = dict(cli_pages())
    if find_spec(f"{package}.nodes.reference") is not None:
        generated |= import_module(f"{package}.nodes.reference").pages()
    return generated


def _outdated(root: Path) -> Iterator[tuple[Path, str]]:
    for name, text in sorted(pages().items()):
        path = root / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield path, text


def _run(arguments: argparse.Namespace) -> int:
    from ....engines.errors import InputError
    from ....engines.files import atomic_write

    if not (arguments.root / "pyproject.toml").is_file():
        raise InputError(
            f"{arguments.root}: expected a checkout of Kinograph, found no pyproject.toml; the "
            "generated pages are not part of an installed package"
        )
    found = False
    for path, text in _outdated(arguments.root):
        found = True
        print(f"{path}: {'written' if arguments.write else 'out of date'}")
        if arguments.write:
            with atomic_write(path) as aside:
                aside.write_text(text, encoding="utf-8")
    return 1 if found and arguments.check else 0


COMMAND = Command(
    name="reference",
    help="write or check the generated pages of the documentation",
    run=_run,
    arguments=(add_debug, _add_arguments),
    description="Write (--write) or check (--check) the pages of a checkout that are generated "
    "from the source: the reference of the command line and, from the schemas of the nodes, "
    "their help pages, the English locale and the table of all nodes.",
    order=140,
)
