"""What `kinograph bench heads` measures."""

import json
from pathlib import Path

import pytest

from kinograph.workflows.bench.heads import frames_with_faces
from kinograph.workflows.cli import main
from kinograph.workflows.cli.commands.bench import heads

SMALL = ["--size", "320x160", "--faces", "2", "--face", "70", "--batch", "2", "--runs", "1"]


def test_all_faces_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    arguments = [*SMALL, "--device", "cpu", "--backend", "torch", "--json", str(path)]
    assert main(["bench", "heads", *arguments]) == 0
    report = json.loads(path.read_text())
    assert report["size"] == [320, 160]
    assert report["found"] == report["faces"] == 2
    assert set(report["ms_per_frame"]) == {"batches", "baseline"}
    assert min(report["ms_per_frame"].values()) > 0
    (figure,) = heads.TABLES[0].figures(report)
    assert (figure.ms, figure.baseline_ms) == tuple(report["ms_per_frame"].values())
    said = capsys.readouterr().out
    assert "2 faces of 70 px per frame, 2 found with smallest_face 52" in said
    assert "one frame and one face at a time" in said


def test_frames_with_faces() -> None:
    frames = frames_with_faces((200, 600), 6, 50, 3)
    assert frames.shape == (3, 200, 600, 3)
    assert float(frames.min()) >= 0
    assert float(frames.max()) <= 1
    assert not frames[0].equal(frames[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--faces", "0"], "faces: expected at least 1, found 0"),
        (["--faces", "9"], "9 of 70 px do not fit into frames of 320x160; take fewer"),
        (["--size", "huge"], "--size: expected WIDTHxHEIGHT"),
        (["--max-batch", "0"], "max_batch: expected at least 1, found 0"),
    ],
)
def test_what_cannot_be_measured(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "heads", *SMALL, *arguments, "--device", "cpu"]) == 2
    assert said in capsys.readouterr().err
