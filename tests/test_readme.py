"""The README's tables that are written by a program, and are true because they are."""

import re
from pathlib import Path

import pytest

from kinograph.nodes.extension import NODES
from kinograph.nodes.standin.io import InputSpec, Schema


def _sockets(specs: list[InputSpec]) -> str:
    """IMAGE, [MASK]: types once each, optional ones in brackets; widgets are in the help pages."""
    types = dict.fromkeys(
        f"[{spec.io_type}]" if spec.optional else spec.io_type
        for spec in specs
        if not spec.is_widget
    )
    return ", ".join(types)


def _row(schema: Schema) -> str:
    first = re.split(r"(?<=\.)(?<!e\.g\.)\s", schema.description, maxsplit=1)[0].removesuffix(".")
    gives = ", ".join(dict.fromkeys(output.io_type for output in schema.outputs))
    page = f"nodes/web/docs/{schema.node_id}.md"
    takes = _sockets(list(schema.inputs))
    return f"| [{schema.display_name}]({page}) | {first} | {takes} | {gives} |"


def node_table() -> str:
    """Every node, in the order of its category, with the first sentence of its description."""
    schemas = [node.define_schema() for node in NODES]
    lines = ["| Node | What it does | Takes | Gives |", "|---|---|---|---|"]
    return "\n".join([*lines, *(_row(schema) for schema in schemas)])


def test_the_table_of_nodes_is_that_of_the_schemas(
    root: Path, request: pytest.FixtureRequest
) -> None:
    """Written anew by --update-golden."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8")
    marks = r"(<!-- nodes -->\n).*?(\n<!-- /nodes -->)"
    assert re.search(marks, text, re.S)
    wanted = re.sub(marks, lambda m: m[1] + node_table() + m[2], text, flags=re.S)
    if request.config.getoption("--update-golden"):
        path.write_text(wanted, encoding="utf-8")
    assert text == wanted or request.config.getoption("--update-golden")
