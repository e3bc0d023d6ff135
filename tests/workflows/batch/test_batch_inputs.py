"""Which files a batch works on, and which input of the graph takes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from batch_checks import PICTURE
from kinograph.engines.errors import GraphError, InputError
from kinograph.workflows.batch.inputs import Target, expand, find_target
from kinograph.workflows.graph.load import parse_graph

VIDEO = Target("1", "file", frozenset({".mp4", ".mov"}))


def names(found: Any, root: Path) -> list[str]:
    return [p.relative_to(root).as_posix() for p in found.paths]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    for name in ("b.mp4", "a.MOV", "c.png", "._b.mp4", "x.txt", "sub/d.mp4", "sub/[1].mp4"):
        path = root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return root


def test_folders_globs_and_lists(tree: Path, monkeypatch: Any) -> None:
    out = tree / "out"
    inside = tree / "in"
    found = expand([str(inside)], VIDEO, output=out)
    assert names(found, inside) == ["a.MOV", "b.mp4"]
    assert found.remarks == [f"{inside}: 1 image skipped, as the graph's input takes none"]
    found = expand([str(inside)], VIDEO, output=out, recursive=True)
    assert names(found, inside) == ["a.MOV", "b.mp4", "sub/[1].mp4", "sub/d.mp4"]
    found = expand([str(inside / "**" / "*.mp4")], VIDEO, output=out)
    assert names(found, inside) == ["b.mp4", "sub/[1].mp4", "sub/d.mp4"]
    # A name with the signs of a glob is a name first; each file counts once.
    named = [str(inside / "sub" / "[1].mp4"), str(inside / "sub"), str(inside / "c.png")]
    assert names(expand(named, VIDEO, output=out), inside) == [
        *("sub/[1].mp4", "sub/d.mp4", "c.png")
    ]
    lists = tree / "in" / "list.txt"
    lists.write_text("\ufeff# mine\n\nsub/d.mp4\nno.mp4\n*.MOV\n", encoding="utf-8")
    monkeypatch.chdir(tree)
    found = expand([f"@{lists}"], VIDEO, output=out)
    assert names(found, tree) == ["in/sub/d.mp4", "no.mp4", "in/a.MOV"]


def test_outputs_are_not_taken_for_inputs(tree: Path) -> None:
    inside = tree / "in"
    for args in ([str(inside)], [str(inside / "**" / "*.mp4")]):
        found = expand(args, VIDEO, output=inside, recursive=True)
        assert [p.parent for p in found.paths] == [inside] * len(found.paths)
    below = expand([str(inside)], VIDEO, output=tree / "in" / "sub" / "out", recursive=True)
    assert "sub/d.mp4" in names(below, inside)
    named = expand([str(inside / "sub")], VIDEO, output=inside)
    assert names(named, inside) == ["sub/[1].mp4", "sub/d.mp4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{root}/empty"], "no file in this folder fits (--recursive"),
        (["{root}/*.mp4"], "matches no file"),
        (["@{root}/none.txt"], "expected a text file with one path per line"),
        (["@{root}/blank.txt"], "the list is empty"),
    ],
)
def test_nothing_to_do_is_an_error(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.txt").write_text("# nothing\n")
    with pytest.raises(InputError) as caught:
        expand([a.format(root=tmp_path) for a in arguments], VIDEO, output=tmp_path / "out")
    assert message in str(caught.value)


def two_loaders() -> dict[str, Any]:
    both = json.loads(json.dumps(PICTURE))
    both["7"] = {"class_type": "LoadVideo", "inputs": {"file": "v.mp4"}}
    both["8"] = {
        "class_type": "SaveVideo",
        "inputs": {"video": ["7", 0], "filename_prefix": "x", "format": "auto", "codec": "auto"},
    }
    return both


def test_the_target_is_the_one_loader_or_named() -> None:
    graph = parse_graph(PICTURE, "g.json")
    assert (find_target(graph).node, find_target(graph).input) == ("1", "image")
    assert ".mp4" not in find_target(graph).suffixes
    both = parse_graph(two_loaders(), "g.json")
    with pytest.raises(GraphError, match=r"--input .*: 1.image \(LoadImage\), 7.file \(LoadVideo"):
        find_target(both)
    assert str(find_target(both, "LoadVideo.file")) == "7.file"
    assert ".png" not in find_target(both, "7.file").suffixes
    assert str(find_target(both, "2.upscale_method")) == "2.upscale_method"
    unused = two_loaders()
    del unused["8"]
    assert str(find_target(parse_graph(unused, "g.json"))) == "1.image"


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("9.file", r"--input 9.file: there is no such node in g.json; nodes: 1 \(LoadImage\)"),
        ("file", r"expected NODE.INPUT"),
        ("1.", r"expected NODE.INPUT"),
        ("1.file", r"node 1 \(LoadImage\) has no input 'file'; inputs: image"),
    ],
)
def test_targets_that_are_not_there(named: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        find_target(parse_graph(PICTURE, "g.json"), named)


def test_a_graph_that_reads_no_file() -> None:
    graph = {"1": {"class_type": "PrimitiveInt", "inputs": {"value": 1}}}
    with pytest.raises(GraphError, match="no Load Video or Load Image"):
        find_target(parse_graph(graph, "g.json"))
