"""`kinograph run --server` against what a real ComfyUI 0.33.0 said, recorded."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_recording import RECORDINGS, Recording, replaying
from kinograph.engines.errors import GraphError
from kinograph.workflows.execution.outcome import Progress
from kinograph.workflows.execution.report import Report
from kinograph.workflows.remote.run_on_server import Server, run_on_server


def send(recording: Recording, folder: Path, progress: Progress | None = None) -> Report:
    path = recording.write(folder)
    server = Server.at(recording.url)
    return run_on_server(path, server, (), folder / "out", (folder,), progress)


def test_a_success_with_progress_previews_an_expansion_and_a_blocker(tmp_path: Path) -> None:
    bars: list[tuple[str, int, list[int]]] = []

    def progress(title: str, total: int) -> Callable[[int], None]:
        bars.append((title, total, []))
        return bars[-1][2].append

    with replaying("success") as recording:
        report = send(recording, tmp_path, progress)
        assert recording.sent == recording.recorded | {"prompt_id": "<prompt>"}
        assert not recording.unexpected
    assert report.ok
    assert report.files == (tmp_path / "out" / "sub" / "steps_00001_.png",)
    assert report.files[0].read_bytes().startswith(b"\x89PNG")
    assert report.warnings == ("Preview Image: not run: not today",)
    assert {node.id for node in report.nodes} == set("1234567")
    assert not any(node.cached for node in report.nodes)
    # One bar for each node that has steps; those that a node made bear its name.
    assert [(title, total, sum(done)) for title, total, done in bars] == [
        ("Steps", 3, 3),
        ("Twice", 2, 2),
        ("Twice", 2, 2),
    ]


def test_a_second_run_comes_from_the_cache(tmp_path: Path) -> None:
    with replaying("cached") as recording:
        report = send(recording, tmp_path)
        assert not recording.unexpected
    assert report.ok
    assert [(node.id, node.cached) for node in report.nodes] == [(id_, True) for id_ in "1234567"]
    assert report.files == (tmp_path / "out" / "sub" / "steps_00001_.png",)
    (saved,) = (node for node in report.nodes if node.files)
    assert saved.id == "3"


def test_a_node_that_fails(tmp_path: Path) -> None:
    with replaying("error") as recording:
        report = send(recording, tmp_path)
        assert not recording.unexpected
    assert not report.ok
    assert report.errors == ("node 2 (Steps): ValueError: the lens cap is on",)
    assert report.problems[0].node == "2"
    assert [node.id for node in report.nodes] == ["1", "2"]


def test_one_output_that_is_not_valid(tmp_path: Path) -> None:
    with replaying("partly_invalid") as recording:
        report = send(recording, tmp_path)
        assert not recording.unexpected
    assert not report.ok
    (problem,) = report.problems
    assert (problem.node, problem.input) == ("2", "steps")
    assert problem.message == ("node 2 (Steps), input 'steps': Value 5000 bigger than max of 1000")
    assert [path.name for path in report.files] == ["fine_00001_.png"]


def test_no_output_that_is_valid(tmp_path: Path) -> None:
    with (
        replaying("rejected") as recording,
        pytest.raises(GraphError, match=r"input 'steps': Value 5000 bigger than max of 1000"),
    ):
        send(recording, tmp_path)


def test_interrupted_by_somebody_else(tmp_path: Path) -> None:
    with replaying("interrupted_there") as recording:
        report = send(recording, tmp_path)
        assert not recording.unexpected
    assert report.errors == ("node 2 (Steps): interrupted on the server",)


def test_ctrl_c_while_a_node_runs(tmp_path: Path) -> None:
    with replaying("interrupted_here") as recording:
        command = [sys.executable, "-m", "kinograph.workflows.cli", "run"]
        process = subprocess.Popen(
            [*command, str(recording.write(tmp_path)), "--server", recording.url],
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            # a background job ignores SIGINT, and so do its children
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert process.stderr is not None
        said = ""
        while "/500" not in said:
            letter = process.stderr.read(1)
            assert letter, said
            said += letter
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130, said
        assert not recording.unexpected
        assert recording.received == ["POST /prompt", "POST /interrupt", "POST /queue"]


def test_each_recording_is_replayed() -> None:
    source = Path(__file__).read_text()
    assert all(f'replaying("{path.stem}")' in source for path in RECORDINGS.glob("*.json"))
