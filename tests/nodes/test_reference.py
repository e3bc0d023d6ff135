"""The pages that are generated from the nodes' schemas."""

import re
from pathlib import Path

import pytest

from kinograph.nodes import reference
from kinograph.nodes.standin import io

PAGES = reference.pages()
CODE = re.compile(r"`[^`]+`")


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
LISTS = """\
## Inputs

- `image` (IMAGE): Frames.
- `mask` (MASK; optional): Where to play.
- `mode` (a, b; default a): How to play.
- `loud` (BOOLEAN; default false): Whether it is heard.

## Outputs

- `image` (IMAGE): The same frames.
"""
GERMAN = reference.Language(
    {
        "KinographToy": {
            "display_name": "Spielzeug",
            "description": "Spielt.",
            "inputs": {
                "image": {"name": "Bild", "tooltip": "Frames, auf Deutsch."},
                "mode": {"name": "mode", "tooltip": "Wie gespielt wird."},
            },
            "outputs": {"0": {"name": "Bild", "tooltip": "Dieselben Frames."}},
        }
    },
    {"Inputs": "Eingänge", "Outputs": "Ausgänge", "default": "Standard"},
)
GERMAN_LISTS = """\
## Eingänge

- **Bild** `image` (IMAGE): Frames, auf Deutsch.
- `mask` (MASK; optional): Where to play.
- `mode` (a, b; Standard a): Wie gespielt wird.
- `loud` (BOOLEAN; Standard false): Whether it is heard.

## Ausgänge

- **Bild** `image` (IMAGE): Dieselben Frames.
"""


def test_a_help_page_keeps_its_prose() -> None:
    new = reference.help_page(SCHEMA)
    head = "# Toy\n\nPlays. Then it stops.\n\n"
    assert new == head + "![Toy](KinographToy.webp)\n\n" + LISTS
    old = "# Toi\n\nAn older description.\n\nProse\n\nof two paragraphs.\n\n## Inputs\n\nold\n"
    assert reference.help_page(SCHEMA, old) == head + "Prose\n\nof two paragraphs.\n\n" + LISTS


def test_a_help_page_in_another_language_keeps_its_prose() -> None:
    """Its labels are those of the language; what is not translated yet is English."""
    head = "# Spielzeug\n\nSpielt.\n\n"
    new = reference.help_page(SCHEMA, "", GERMAN)
    assert new == head + "![Spielzeug](KinographToy.webp)\n\n" + GERMAN_LISTS
    old = "# Toi\n\nAn older description.\n\nProsa.\n\n## Eingänge\n\nold\n"
    assert reference.help_page(SCHEMA, old, GERMAN) == head + "Prosa.\n\n" + GERMAN_LISTS


LANGUAGES = sorted({Path(name).stem for name in PAGES if name.count("/") == 4})


def prose(page: str) -> list[str]:
    """The paragraphs and the entries of lists before the inputs, without title and description."""
    text = page.split("\n## ")[0]
    return [part for part in re.split(r"\n\n|\n(?=- )", text.strip()) if part][2:]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("schema", reference.schemas(), ids=lambda schema: str(schema.node_id))
def test_every_help_page_is_translated_whole(schema: io.Schema, language: str, root: Path) -> None:
    """As many paragraphs and entries, the same words in code, and the same picture."""
    folder = root / reference.HELP
    english = prose((folder / f"{schema.node_id}.md").read_text("utf-8"))
    here = prose((folder / schema.node_id / f"{language}.md").read_text("utf-8"))
    assert len(here) == len(english)
    assert f"]({schema.node_id}.webp)" in here[0]
    for ours, theirs in zip(here[1:], english[1:], strict=True):
        assert ours != theirs or ours.startswith("- ")  # names of tensors
        assert set(CODE.findall(ours)) == set(CODE.findall(re.sub(r"\s+", " ", theirs)))


def test_there_are_help_pages_in_all_languages_and_nothing_else(root: Path) -> None:
    assert sorted(p.name for p in (root / "locales").iterdir() if p.name != "en") == LANGUAGES
    nested = {p.relative_to(root).as_posix() for p in (root / reference.HELP).glob("*/*")}
    assert nested == {name for name in PAGES if name.count("/") == 4}


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith(reference.HELP)])
def test_help_pages_have_no_tables(name: str, root: Path) -> None:
    """They do not fit into the editor's panel, which is 265 px wide."""
    assert "\n|" not in (root / name).read_text("utf-8")


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
