"""The documents: links that lead somewhere, commands that work, a README of one page."""

import ast
import re
import shlex
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kinograph.engines.video.clip import Clip
from kinograph.engines.video.write import write_video
from kinograph.workflows.cli import main

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[1]
HELP = ROOT / "nodes/web/docs"
LONGEST_README = 150  # lines
NOT_OURS = {"build", "dist", "node_modules"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def documents() -> list[str]:
    """The Markdown files of the repository, by their paths below the root."""
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    hidden = (p for p in paths if not any(n.startswith(".") or n in NOT_OURS for n in p.parts))
    return sorted(path.as_posix() for path in hidden)


def read(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


@cache
def anchors(path: Path) -> frozenset[str]:
    """The anchors of the headings of a Markdown file, as GitHub makes them."""
    made: dict[str, int] = {}
    names = set()
    for title in re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text("utf-8")), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        names.add(f"{slug}-{made[slug]}" if slug in made else slug)
        made[slug] = made.get(slug, 0) + 1
    return frozenset(names)


def broken_links(document: str) -> Iterator[str]:
    """The relative links of a document whose file or heading does not exist."""
    folder = (ROOT / document).parent
    if folder.parent == HELP:  # the editor looks beside the English page for all languages
        folder = HELP
    for target in LINK.findall(FENCE.sub("", read(document))):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        path = folder / name if name else ROOT / document
        if not path.exists() or (anchor and anchor not in anchors(path.resolve())):
            yield target


@pytest.mark.parametrize("document", documents())
def test_links_lead_somewhere(document: str) -> None:
    assert list(broken_links(document)) == []


@pytest.mark.parametrize("document", [d for d in documents() if d != "CHANGELOG.md"])
def test_files_that_are_named_exist(document: str) -> None:
    """Paths of the source code in backticks; NAME stands for a new file or folder."""
    named = re.findall(
        r"`((?:engines|nodes|workflows|tests|locales|\.ci)/[\w./-]*)`", read(document)
    )
    places = {path.split("NAME")[0] for path in named}
    assert [place for place in sorted(places) if not (ROOT / place).exists()] == []


def test_every_page_is_in_the_index() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\((\w[\w-]*\.md)\)", read("docs/README.md"))) == pages


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b_c`: 1.5\n## Flow\n```\n# no heading\n```\n## Flow\n## [To](x.md) it\n")
    assert anchors(page) == {"a-b_c-15", "flow", "flow-1", "to-it"}


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= LONGEST_README


def test_the_first_commands_are_documented() -> None:
    """.ci/run runs both."""
    assert "pip install -e . && kinograph demo" in read("README.md")
    assert 'pip install -e ".[test]" && pytest' in read("CONTRIBUTING.md")


COMMANDS = {
    line: document
    for document in documents()
    for language, block in FENCE.findall(read(document))
    if language == "sh"
    for line in block.splitlines()
    if line.startswith("kinograph ")
}


@pytest.fixture(scope="module")
def short_clip(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the shipped clip at half its size, more than the 16 frames of a chunk."""
    path = tmp_path_factory.mktemp("short") / "clip.mp4"
    write_video(path, Clip(clip.frames[:17, ::2, ::2].contiguous(), clip.rate))
    return path


@pytest.mark.parametrize("command", COMMANDS, ids=lambda line: line.split("#")[0].strip())
def test_documented_commands_work(
    command: str,
    tmp_path: Path,
    clip_path: Path,
    short_clip: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every `kinograph ...` line of the blocks marked sh, beside a clip and the graphs.

    The clip also goes by the name that the shared graphs give it; their results with the shipped
    one are in tests/workflows/graph/test_shipped_graphs.py.
    """
    for name in ("clip.mp4", clip_path.name):
        shutil.copy(short_clip, tmp_path / name)
    (tmp_path / "workflows").symlink_to(ROOT / "workflows")
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command, comments=True)[1:]) == 0, COMMANDS[command]


def test_there_are_commands_to_run() -> None:
    assert len(COMMANDS) >= 15


@cache
def messages() -> str:
    """Every string of the source code but docstrings; what is filled in is `...`."""
    found = []
    for folder in ("engines", "nodes", "workflows"):
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr):
                    parts = (v.value if isinstance(v, ast.Constant) else "..." for v in node.values)
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found += [] if id(node) in alone else [node.value]
    return "\n".join(found)


def test_troubleshooting_quotes_messages_that_there_are() -> None:
    rows = re.findall(r"^\| (`.*?) \|", read("docs/troubleshooting.md"), re.M)
    quoted = [text for row in rows for text in re.findall(r"`(.*?)`", row)]
    assert len(quoted) >= 20
    said = messages()
    assert [q for q in quoted if any(part not in said for part in q.split("..."))] == []
