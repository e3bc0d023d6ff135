"""What `kinograph bench hands` measures."""

import json
from pathlib import Path

import pytest

from kinograph.engines.video.clip import Clip
from kinograph.engines.video.write import write_video
from kinograph.workflows.cli import main
from kinograph.workflows.cli.commands.bench import hands


def test_hands_and_faces_added_to_a_clip(
    clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short.mp4"
    write_video(short, Clip(clip.frames[8:10], clip.rate))
    path = tmp_path / "report.json"
    arguments = ["--video", str(short), "--runs", "1", "--device", "cpu", "--backend", "torch"]
    assert main(["bench", "hands", *arguments, "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    assert (report["frames"], report["size"]) == (2, [832, 464])
    assert 0 < report["hands"] <= report["wrists"]
    assert set(report["per_frame"]) == {"bodies", "hands", "faces", "hands and faces", "baseline"}
    assert all(t["ms"] > 0 and t["process_ms"] > 0 for t in report["per_frame"].values())
    *parts, both = hands.TABLES[0].figures(report)
    assert [figure.baseline for figure in parts] == ["bodies"] * 4
    assert both.baseline_ms == report["per_frame"]["baseline"]["ms"]
    assert "hands and faces in PyTorch" in capsys.readouterr().out
    assert main(["bench", "hands", "--video", str(short), "--runs", "0"]) == 2
    assert "runs: expected at least 1, found 0" in capsys.readouterr().err
