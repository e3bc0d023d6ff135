"""The pages that are generated from the nodes' schemas."""

from pathlib import Path

import pytest

from kinograph.nodes import reference
from kinograph.nodes.standin import io

PAGES = reference.pages()


@pytest.mark.parametrize("name", PAGES)
def test_pages_follow_from_the_schemas(name: str, root: Path) -> None:
    path = root / name
    assert path.is_file(), "python -m kinograph.nodes.reference writes it"
    assert path.read_text("utf-8") == PAGES[name], "python -m kinograph.nodes.reference writes it"


def test_there_is_a_help_page_for_every_node_and_no_other(root: Path) -> None:
    folder = root / reference.HELP
    assert {path.stem for path in folder.glob("*.md")} == {s.node_id for s in reference.schemas()}


SCHEMA = io.Schema(
    node_id="KinographToy",
    display_name="Toy",
    category="Kinograph/toys",
    description="Plays. Then it stops.",
    inputs=[
        io.Image.Input("image", tooltip="Frames."),
        io.Mask.Input("mask", optional=True, tooltip="Where to play."),
        io.Combo.Input("mode", options=["a", "b"], default="a", tooltip="How to play."),
        io.Boolean.Input("loud", default=False, tooltip="Whether it is heard."),
    ],
    outputs=[io.Image.Output(display_name="image", tooltip="The same frames.")],
)
TABLES = """\
## Inputs

| Input | Type | Default | Meaning |
|---|---|---|---|
| `image` | IMAGE |  | Frames. |
| `mask` | MASK (optional) |  | Where to play. |
| `mode` | a, b | a | How to play. |
| `loud` | BOOLEAN | false | Whether it is heard. |

## Outputs

| Output | Type | Meaning |
|---|---|---|
| `image` | IMAGE | The same frames. |
"""


def test_a_help_page_keeps_its_prose() -> None:
    new = reference.help_page(SCHEMA)
    head = "# Toy\n\nPlays. Then it stops.\n\n"
    assert new == head + "![The node Toy](KinographToy.webp)\n\n" + TABLES
    old = "# Toi\n\nAn older description.\n\nProse\n\nof two paragraphs.\n\n## Inputs\n\nold\n"
    assert reference.help_page(SCHEMA, old) == head + "Prose\n\nof two paragraphs.\n\n" + TABLES


def test_missing_and_changed_pages_are_outdated(tmp_path: Path) -> None:
    names = list(reference.pages(tmp_path))
    assert reference.outdated(tmp_path) == names
    assert reference.main(["--root", str(tmp_path), "--check"]) == 1
    assert not list(tmp_path.iterdir())
    assert reference.main(["--root", str(tmp_path)]) == 0
    assert reference.outdated(tmp_path) == []
    (tmp_path / "docs" / "nodes.md").write_text("something else")
    assert reference.outdated(tmp_path) == ["docs/nodes.md"]
    assert reference.main(["--root", str(tmp_path), "--check"]) == 1
