"""Runs in chunks that start over, or go on, after they have saved some of their files."""

import os
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from chunked_clips import contents, footage, graph_of, make_inputs, raising
from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import host
from kinograph.workflows.chunked import resumable_run as chunked
from kinograph.workflows.chunked.journal import Journal
from kinograph.workflows.execution.report import Report
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.assign import with_values
from kinograph.workflows.graph.catalogue import catalogue
from kinograph.workflows.graph.model import Graph

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links of POSIX")


def saving() -> Graph:
    """Return a graph that saves a picture, pictures, a folder of poses, a folder of flow and a
    video."""
    return graph_of(
        {
            **footage("clip.mp4"),
            "o": ("LoadImage", {"image": "one.png"}),
            "j": ("SaveImage", {"images": ["o", 0], "filename_prefix": "still"}),
            "x": ("ImageScale", {"image": ["f", 0], "width": 16, "height": 16}),
            "i": ("SaveImage", {"images": ["x", 0], "filename_prefix": "p/small"}),
            "p": ("KinographLoadPoses", {"file": "poses.safetensors", "image": ["f", 0]}),
            "q": (
                "KinographSavePoses",
                {"poses": ["p", 0], "form": "openpose", "filename_prefix": "poses"},
            ),
            "e": ("KinographEstimateFlow", {"image": ["f", 0], "dis_preset": "ultrafast"}),
            "k": (
                "KinographSaveFlow",
                {"flow": ["e", 0], "form": "flo", "filename_prefix": "flow"},
            ),
            "c": ("CreateVideo", {"images": ["x", 0], "fps": ["f", 2]}),
            "s": ("SaveVideo", {"video": ["c", 0], "filename_prefix": "v"}),
        }
    )


def run(inputs: Path, output: Path, graph: Graph | None = None, **more: Any) -> Report:
    settings = host.Settings(output=output, inputs=(inputs,))
    return run_graph(graph or saving(), settings, chunk=4, **more)


def interrupted(place: str, calls: int, *args: Any, **more: Any) -> None:
    """Run until a function in `PLACES` is called so many times."""
    owner, name = PLACES[place]
    with (
        mock.patch.object(owner, name, raising(getattr(owner, name), calls)),
        pytest.raises(KeyboardInterrupt),
    ):
        run(*args, **more)


PLACES: dict[str, tuple[Any, str]] = {
    "renaming a picture": (shutil, "move"),
    "renaming a file or folder": (Path, "rename"),
    "replacing a file": (Path, "replace"),
    "writing the journal": (Journal, "write"),
    "removing a folder": (shutil, "rmtree"),
}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with inputs, the outputs of a whole run, and what one leaves that is interrupted
    when five pictures have their names."""
    folder = make_inputs(tmp_path_factory.mktemp("started"), 12)
    run(folder, folder / "whole")
    return folder


@pytest.fixture
def output(started: Path, tmp_path: Path) -> Path:
    interrupted("renaming a picture", 6, started, tmp_path / "out")
    assert len(list((tmp_path / "out/p").glob("small_*.png"))) == 5
    return tmp_path / "out"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_wherever_it_was_interrupted(
    place: str, restart: bool, started: Path, tmp_path: Path
) -> None:
    """The same files under the same names, each once."""
    places = 0
    for calls in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15):
        out = tmp_path / str(calls)
        try:
            interrupted(place, calls, started, out)
        except pytest.fail.Exception:  # it is not called as often
            break
        places += 1
        report = run(started, out, restart=restart)
        assert contents(out) == contents(started / "whole"), calls
        assert not any("stay" in line for line in report.warnings)
    assert places > 1


def test_a_restart_with_other_values_numbers_from_where_they_were(
    started: Path, output: Path
) -> None:
    graph = with_values(saving(), ["x.width=24"], catalogue())
    run(started, output, graph, restart=True)
    assert contents(output).keys() == contents(started / "whole").keys()


def test_a_whole_run_of_another_graph_stays(started: Path, tmp_path: Path) -> None:
    """It was only interrupted when it cleaned up."""
    with (
        mock.patch.object(chunked._Run, "_clean_up", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        run(started, tmp_path)
    graph = with_values(saving(), ["x.width=24"], catalogue())
    run(started, tmp_path, graph, restart=True)
    files = contents(tmp_path)
    assert contents(started / "whole").items() <= files.items()
    assert "v_00002_.mp4" in files


def test_a_restart_leaves_what_is_not_its_own(started: Path, output: Path) -> None:
    """A file of another under a name that was still to come, a link, a file in its folder."""
    precious = output.parent / "precious"
    precious.write_text("kept")
    (output / "p/small_00006_.png").write_text("theirs")
    (output / "p/small_00002_.png").unlink()
    (output / "p/small_00002_.png").symlink_to(precious)
    with pytest.raises(GraphError, match=r"small_00006_.png: was created meanwhile"):
        run(started, output)
    run(started, output, restart=True)
    assert precious.read_text() == "kept"
    assert (output / "p/small_00006_.png").read_text() == "theirs"
    assert (output / "p/small_00002_.png").is_symlink()
    assert not (output / "p/small_00001_.png").exists()
    assert (output / "p/small_00007_.png").exists()  # behind what is there


def test_nothing_is_removed_through_a_link(started: Path, output: Path) -> None:
    """A folder that has become a link to another one, also within the output folder."""
    (output / "p").rename(output / "moved")
    (output / "p").symlink_to(output / "moved")
    before = {p.name for p in (output / "moved").glob("small_*.png")}
    run(started, output, restart=True)
    assert before <= {p.name for p in (output / "moved").glob("small_*.png")}


@pytest.mark.parametrize("name", ["../precious", "p/../../precious"])
@pytest.mark.parametrize("field", ["saved", "contents", "text"])
def test_a_damaged_journal_lists_nothing(
    field: str, name: str, started: Path, output: Path
) -> None:
    (output.parent / "precious").write_text("kept")
    (path,) = output.rglob("journal.json")
    journal = Journal(path.parent)
    entry = journal.read()
    assert entry is not None
    if field == "text":
        path.write_text(path.read_text().replace("small_00001_", "small_00009_"))
    else:
        entry[field] |= {"i": [*entry["saved"]["i"], name] if field == "saved" else [name]}
        shutil.rmtree(path.parent.parent / "small_00001_.png.parts/files", ignore_errors=True)
        journal.write(entry)
    report = run(started, output, restart=True)
    (words,) = (line for line in report.warnings if "stay" in line)
    assert "journal.json: is damaged" in words
    assert "numbered behind them" in words
    assert (output.parent / "precious").read_text() == "kept"
    assert len(list((output / "p").glob("small_*.png"))) == 5 + 12
    assert (output / "p/small_00017_.png").exists()
