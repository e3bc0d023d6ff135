"""Interrupted runs that were damaged, or made to harm: a message, and --restart helps."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from chunked_clips import contents, footage, graph_of, make_inputs
from kinograph.engines.errors import GraphError
from kinograph.nodes.standin import host
from kinograph.workflows.chunked import resumable_run as chunked
from kinograph.workflows.chunked.journal import Journal
from kinograph.workflows.execution.report import Report
from kinograph.workflows.execution.run_graph import run_graph
from kinograph.workflows.graph.model import Graph

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, links and signals of POSIX")

SUPPORT = Path(__file__).parents[2] / "support"


def saving() -> Graph:
    """Return a graph that saves a video and pictures."""
    return graph_of(
        {
            **footage("clip.mp4"),
            "x": ("ImageScale", {"image": ["f", 0], "width": 16, "height": 16}),
            "c": ("CreateVideo", {"images": ["x", 0], "fps": ["f", 2]}),
            "s": ("SaveVideo", {"video": ["c", 0], "filename_prefix": "v/small"}),
            "i": ("SaveImage", {"images": ["x", 0], "filename_prefix": "p/small"}),
        }
    )


def run(inputs: Path, output: Path, **more: Any) -> Report:
    settings = host.Settings(output=output, inputs=(inputs,))
    return run_graph(saving(), settings, chunk=4, **more)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with inputs, the outputs of a whole run, and what an interrupted one leaves."""
    folder = make_inputs(tmp_path_factory.mktemp("started"), 24)
    run(folder, folder / "whole")
    deliver = chunked._Run._deliver
    left = [4]

    def stop(self: Any, came: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        deliver(self, came)

    with (
        mock.patch.object(chunked, "_SECONDS", 0.0),
        mock.patch.object(chunked._Run, "_deliver", stop),
        pytest.raises(KeyboardInterrupt),
    ):
        run(folder, folder / "half")
    return folder


@pytest.fixture
def output(started: Path, tmp_path: Path) -> Path:
    shutil.copytree(started / "half", tmp_path / "out")
    for file in (tmp_path / "out").rglob("owner"):  # an absolute path
        file.write_text(file.read_text().replace(str(started / "half"), str(tmp_path / "out")))
    return tmp_path / "out"


def main_parts(output: Path) -> Path:
    (journal,) = output.rglob("journal.json")
    return journal.parent


def test_what_is_whole_is_resumed(started: Path, output: Path) -> None:
    report = run(started, output)
    assert any("resuming at frame 12 of 24" in line for line in report.warnings)
    assert contents(output) == contents(started / "whole")


@pytest.mark.parametrize("name", ["*.yuv", "0.png", "11.png", "*.state"])
def test_a_flipped_bit_is_found(started: Path, output: Path, name: str) -> None:
    path = next(p for p in sorted(output.rglob(name)) if p.is_file())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(GraphError, match=r"damaged.*--restart"):
        run(started, output)
    run(started, output, restart=True)
    assert contents(output) == contents(started / "whole")  # numbered from where they were


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(path: Path) -> object:
        if path.exists():
            path.unlink()
        return make(path)

    return change


@pytest.mark.parametrize("name", ["journal.json", "lock", "owner", "000000.yuv", "files/3.png"])
@pytest.mark.parametrize(
    "make",
    [
        Path.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path.name),
        lambda path: path.write_bytes(b"[" * 100_000),
        lambda path: path.write_bytes(b"/" + b"x" * 20_000),
    ],
    ids=["folder", "pipe", "device", "loop", "deep", "long"],
)
def test_something_else_in_the_place_of_a_part(
    started: Path, output: Path, name: str, make: Callable[[Path], object]
) -> None:
    paths = [p / name for p in output.rglob("*.parts") if (p / name).exists() or name == "lock"]
    _replaced(make)(paths[0])
    said = ""
    try:
        run(started, output)
    except GraphError as error:
        said = str(error)
        run(started, output, restart=True)
    assert not said or "--restart" in said
    assert len(said) < 1500
    assert contents(output) == contents(started / "whole")


@pytest.mark.parametrize(
    "name", ["../precious", "/precious", "v/../../precious", "out/precious", "a\0b", "\ud800"]
)
@pytest.mark.parametrize("place", ["saved", "sink"])
@pytest.mark.parametrize("restart", [False, True])
def test_a_journal_that_names_files_elsewhere(
    started: Path, output: Path, name: str, place: str, restart: bool
) -> None:
    """Neither resuming nor starting over touches what is not the run's."""
    (output / "out").symlink_to(output.parent)
    precious = output.parent / "precious"
    precious.write_text("kept")
    parts = output.parent / "precious.parts"
    parts.mkdir()
    (parts / "file").write_text("kept")
    if name == "/precious":
        name = str(precious)
    journal = Journal(main_parts(output))
    entry = journal.read()
    assert entry is not None
    if place == "saved":
        entry["saved"] = {"i": [name]}
    else:
        entry["sinks"]["i"]["path"] = name
    journal.write(entry)
    if not restart:
        with pytest.raises(GraphError, match=r"journal.json: is damaged .*--restart"):
            run(started, output)
    assert run(started, output, restart=True).ok
    assert precious.read_text() == "kept"
    assert (parts / "file").read_text() == "kept"


def test_a_link_among_the_parts_is_not_written_through(started: Path, output: Path) -> None:
    (output.parent / "precious").write_text("kept")
    spool = next(output.rglob("*.yuv"))
    spool.with_name("000001.mp4").symlink_to(output.parent / "precious")
    with pytest.raises(GraphError, match=r"000001.mp4: expected a file.*--restart"):
        run(started, output)
    run(started, output, restart=True)
    assert (output.parent / "precious").read_text() == "kept"


_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from kinograph.engines.video import segments
from kinograph.workflows.core import save_video

def killed(path, *arguments, **more):
    Path(path).write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

segments.join_segments = killed
from test_damaged_runs import run
run(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_kill_while_files_are_put_together(started: Path, tmp_path: Path) -> None:
    """Nothing that looks like an output lies there, and the next run takes all away."""
    output = tmp_path / "out"
    here = str(Path(__file__).parent)
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(started), str(output), here],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == -9
    shown = [p for p in output.rglob("*.mp4") if not any(".parts" in part for part in p.parts)]
    assert shown == []
    report = run(started, output)
    assert any("the files are put together" in line for line in report.warnings)
    assert contents(output) == contents(started / "whole")


def test_the_journal_is_plain_json(output: Path) -> None:
    entry = json.loads((main_parts(output) / "journal.json").read_text())
    names = [sink["path"] for sink in entry["sinks"].values()]
    assert sorted(filter(None, names)) == ["p/small_00001_.png", "v/small_00001_.mp4"]
