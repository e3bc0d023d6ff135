"""Nodes that save once, and whose output other nodes of a run in chunks need."""

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from chunked_clips import contents, make_inputs, raising
from kinograph.nodes.standin import host, io
from kinograph.workflows.chunked import resumable_run as chunked
from kinograph.workflows.chunked.journal import Journal
from kinograph.workflows.execution.caching import ResultCache
from kinograph.workflows.execution.report import Report
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.catalogue import Catalogue, catalogue
from kinograph.workflows.graph.load import parse_graph
from kinograph.workflows.graph.model import Graph


class Keep(io.ComfyNode):
    """Saves a text, and a folder with two, and gives a width."""

    fails = 0  # how many times it still stops between the two

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema("Keep", inputs=[], outputs=[io.Int.Output()], is_output_node=True)

    @classmethod
    def execute(cls) -> io.NodeOutput:
        host.save_path("note", ".txt").write_text("kept")
        if Keep.fails:
            Keep.fails -= 1
            raise KeyboardInterrupt
        return io.NodeOutput(16)


class KeepFolder(io.ComfyNode):
    """Saves a folder with a text, and gives a height."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema("KeepFolder", inputs=[], outputs=[io.Int.Output()], is_output_node=True)

    @classmethod
    def execute(cls) -> io.NodeOutput:
        folder = host.save_path("notes", "")
        folder.mkdir()
        (folder / "one.txt").write_text("kept")
        return io.NodeOutput(16)


_KNOWN = {name: catalogue().node(name) for name in catalogue().names()}
NODES = Catalogue({**_KNOWN, "Keep": Keep, "KeepFolder": KeepFolder})


def graph() -> Graph:
    scale = {"upscale_method": "area", "crop": "disabled"}
    save = {"images": ["x", 0], "filename_prefix": "small"}
    return parse_graph(
        {
            "v": {"class_type": "LoadVideo", "inputs": {"file": "clip.mp4"}},
            "f": {"class_type": "GetVideoComponents", "inputs": {"video": ["v", 0]}},
            "k": {"class_type": "Keep", "inputs": {}},
            "l": {"class_type": "KeepFolder", "inputs": {}},
            "x": {
                "class_type": "ImageScale",
                "inputs": {"image": ["f", 0], "width": ["k", 0], "height": ["l", 0], **scale},
            },
            "s": {"class_type": "SaveImage", "inputs": save},
        },
        "test.json",
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_inputs(tmp_path_factory.mktemp("inputs"), 12)


def run(inputs: Path, output: Path, **more: Any) -> Report:
    settings = host.Settings(output=output, inputs=(inputs,))
    return run_graph(graph(), settings, chunk=4, nodes=NODES, **more)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("cached", [False, True])
def test_it_saves_once_however_often_the_run_is_interrupted(
    cached: bool, restart: bool, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunked, "_SECONDS", 0.0)
    cache = ResultCache() if cached else None
    run(inputs, tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    assert {"note_00001_.txt", "notes_00001_/one.txt", "small_00012_.png"} <= whole.keys()
    out = tmp_path / "out"
    monkeypatch.setattr(Keep, "fails", 2)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(inputs, out, cache=cache)
    for owner, name, calls in (
        (chunked._Run, "_deliver", 1),
        (chunked._Run, "_deliver", 2),
        (Journal, "write", 1),
        (Journal, "write", 2),
        (Journal, "write", 3),
        (chunked._Run, "_finish", 1),
        (chunked._Run, "_clean_up", 1),
    ):
        with (
            mock.patch.object(owner, name, raising(getattr(owner, name), calls)),
            pytest.raises(KeyboardInterrupt),
        ):
            run(inputs, out, cache=cache)
    report = run(inputs, out, restart=restart, cache=cache)
    assert {path.name for path in report.files} >= {"note_00001_.txt", "notes_00001_"}
    assert contents(out) == whole


def test_a_link_in_the_place_of_what_it_saved(inputs: Path, tmp_path: Path) -> None:
    """It stays, and what it leads to does too; a file added to its folder as well."""
    out = tmp_path / "out"
    with (
        mock.patch.object(chunked._Run, "_deliver", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        run(inputs, out)
    (tmp_path / "precious").write_text("mine")
    (out / "note_00001_.txt").unlink()
    (out / "note_00001_.txt").symlink_to(tmp_path / "precious")
    (out / "notes_00001_/mine.txt").write_text("mine")
    run(inputs, out)
    assert (out / "note_00001_.txt").readlink() == tmp_path / "precious"
    assert (tmp_path / "precious").read_text() == "mine"
    assert (out / "notes_00001_/mine.txt").read_text() == "mine"
    assert not (out / "notes_00001_/one.txt").exists()
    assert (out / "note_00002_.txt").read_text() == "kept"
    assert (out / "notes_00002_/one.txt").read_text() == "kept"
