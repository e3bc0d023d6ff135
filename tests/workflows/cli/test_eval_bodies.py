"""`kinograph eval bodies` and `kinograph bench bodies` on a few frames."""

import json
from pathlib import Path
from typing import Any

import pytest

from kinograph.engines.runtime.engine import Engine
from kinograph.engines.video.clip import Clip
from kinograph.engines.video.write import write_video
from kinograph.workflows.bench import body_backends
from kinograph.workflows.cli import main
from kinograph.workflows.cli.commands.bench import bodies

TORCH = ["--backend", "torch", "--device", "cpu"]


@pytest.fixture(scope="module")
def short(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames of the man on the wall, smaller than the clip's."""
    path = tmp_path_factory.mktemp("bodies") / "short.mp4"
    write_video(path, Clip(clip.frames[8:11, :240, 200:400], clip.rate))
    return path


def test_made_pictures_and_videos(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "trial" / "videos"
    folder.mkdir(parents=True)
    for name in ("cam1", "cam2"):
        (folder / f"{name}.mp4").write_bytes(short.read_bytes())
    output = tmp_path / "report.json"
    data = ["made", str(short), str(folder.parent)]
    arguments = ["--data", *data, "--count", "2", "--output", str(output), *TORCH]
    assert main(["eval", "bodies", *arguments]) == 0
    results = json.loads(output.read_text())["results"]
    assert list(results) == data
    made, video, cameras = results.values()
    assert (made["bodies"], made["found"]) == (2, 2)
    assert 20 < made["pa_mpjpe_mm"] < made["mpjpe_mm"] < 250
    assert abs(made["lean_deg"]) < 20
    assert video["bodies"] == 3
    assert 0 < video["bone_spread_percent"] < 20
    assert video["steps"]["smoothed"]["pose_deg"] < video["steps"]["found"]["pose_deg"]
    assert cameras["pairs"][0]["frames"] == 3
    assert cameras["clip_mm"] < 0.1  # the same video twice
    said = capsys.readouterr().out
    assert "made (synthetic): 2 of 2 bodies found" in said
    assert "cam1 and cam2" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nothing"], "expected made, clip, a video or a folder of videos, found"),
        (["--data", "made", "made"], "expected all of them once, found made twice"),
        (["--data", "made", "--annotations", "a.json"], "they are of clip, which is not among"),
        (["--data", "made", "--count", "0"], "count: expected at least 1 picture, found 0"),
        (["--data", "."], "expected the videos of at least two cameras"),
    ],
)
def test_what_cannot_be_evaluated(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["eval", "bodies", *arguments, *TORCH]) == 2
    assert said in capsys.readouterr().err


def test_speed(short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    small = ["--video", str(short), "--batch", "17", "--frames", "2", "--runs", "1"]
    assert main(["bench", "bodies", *small, *TORCH, "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    assert set(report["ms_per_body"]) == {"batches", "baseline"}
    times = report["ms_per_frame"]
    for name in ("batches", "baseline"):
        stages = [ms for stage, ms in times[name].items() if stage != "total"]
        assert len(stages) == 5
        assert min(stages) > 0
        assert times[name]["total"] == pytest.approx(sum(stages))
    crops, file, drawn = bodies.TABLES[0].figures(report)
    assert crops.baseline_ms == report["ms_per_body"]["baseline"]
    assert file.ratio == pytest.approx(times["batches"]["total"] / times["baseline"]["total"])
    assert drawn.ms == times["draw two"]
    assert "file to overlay, 2 frames per call" in capsys.readouterr().out


def test_backends_side_by_side(
    short: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With PyTorch in the place of ONNX Runtime, which would take long to export networks for."""
    real = body_backends.engine_named

    def engine_named(name: str, *, backend: str, **more: Any) -> Engine:
        return real(name, backend="torch", **more)

    monkeypatch.setattr(body_backends, "engine_named", engine_named)
    path = tmp_path / "report.json"
    video = ["--video", str(short), "--device", "cpu"]
    arguments = [*video, "--compare", "torch,onnxruntime", "--json", str(path)]
    assert main(["bench", "bodies", *arguments]) == 0
    report = json.loads(path.read_text())
    first, second = bodies.TABLES[1].figures(report)
    assert (first.ratio, second.baseline, second.baseline_ms) == (1, "torch", first.ms)
    rows = report["backends"]
    assert list(rows) == ["torch", "onnxruntime"]
    assert all(row["latency_p95_ms"] >= row["latency_p50_ms"] > 0 for row in rows.values())
    assert rows["torch"]["apart_mm"] == 0
    assert rows["onnxruntime"]["apart_mm"] == 0
    assert rows["onnxruntime"]["pose_deg"] == rows["torch"]["pose_deg"] > 0
    capsys.readouterr()
    for wrong in ("torch", "torch,torch"):
        assert main(["bench", "bodies", *video, "--compare", wrong]) == 2
        assert "expected at least two, each once, found" in capsys.readouterr().err
