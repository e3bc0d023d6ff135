"""What `kinograph bench pose` measures, and that memory does not grow with the clip."""

import gc
import json
from pathlib import Path

import psutil
import pytest
import torch

from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.render.skeleton import draw_skeletons
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.video.clip import Clip
from kinograph.workflows.cli import main
from kinograph.workflows.cli.commands.bench import flow, pose, upscale

pytestmark = pytest.mark.long


def test_stages_and_jitter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    status = main(["bench", "pose", "--runs", "1", "--device", "cpu", "--json", str(path)])
    assert status == 0
    report = json.loads(path.read_text())
    times = report["ms_per_frame"]
    assert report["people"] == 57
    assert times["total"] == pytest.approx(sum(times.values()) - times["total"], rel=0.01)
    whole, rest, *stages = pose.TABLES[0].figures(report)
    assert (whole.ms, whole.baseline_ms) == (times["total"], times["network"])
    assert rest.ratio == pytest.approx(times["total"] / times["network"] - 1)
    assert len(stages) == 6
    jitter = report["jitter_px_per_frame2"]
    assert 0 < jitter["smoothed, both"] < jitter["smoothed, causal"] < jitter["raw"]
    assert "frames per second" in capsys.readouterr().out


def test_resident_frames_against_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    arguments = ["--resident", "320x192", "--frames", "10", "--batch", "4", "--runs", "1"]
    status = main(["bench", "pose", *arguments, "--size", "256", "--json", str(path)])
    assert status == 0
    report = json.loads(path.read_text())
    assert report["size"] == [320, 192]
    assert report["frames"] == 10
    assert report["ratio"] == pytest.approx(report["fps"] / report["baseline"]["fps"])
    assert set(report["stages_ms_per_frame"]) == {"preprocess", "network", "heads", "draw"}
    assert all(ms > 0 for ms in report["stages_ms_per_frame"].values())
    (figure,) = pose.TABLES[1].figures(report)
    assert figure.ratio == pytest.approx(1 / report["ratio"])
    assert "times as fast" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resident", "huge"], "--resident: expected WIDTHxHEIGHT"),
        (["--resident", "0x10"], "--resident: expected WIDTHxHEIGHT"),
        (["--resident", "64x64", "--frames", "0"], "frames: expected at least 1"),
        (["--runs", "0"], "runs: expected at least 1"),
    ],
)
def test_what_cannot_be_measured(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "pose", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_memory_is_flat_over_a_thousand_frames(clip: Clip, engine: Engine) -> None:
    frames = torch.nn.functional.interpolate(clip.frames.movedim(-1, 1), size=(116, 208))
    frames = frames.movedim(1, -1).contiguous()[:25]
    process, held = psutil.Process(), []
    for chunk in range(40):
        poses = detect_poses(frames, engine, size=128)
        draw_skeletons(poses, size=(116, 208))
        if chunk % 8 == 7:
            gc.collect()
            held.append(process.memory_info().rss / 2**20)
    # MiB; 24 chunks between first and last: their poses kept would be 0.4, their pictures 170
    assert max(held[1:]) - min(held[1:]) < 8, held


def test_flow(clip_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    command = ["bench", "flow", "--video", str(clip_path), "--size", "136x128", "--batch", "2"]
    options = ["--updates", "2", "--runs", "1", "--backend", "torch", "--device", "cpu"]
    assert main([*command, *options, "--json", str(file)]) == 0
    report = json.loads(file.read_text())
    assert report["network"] == "raft_small-2"
    assert set(report["ms_per_pair"]) == {"2", "1"}
    assert set(report["torchvision"]) == {"fp32, 2", "fp32, 1"}
    # 47.7 GMAC with 12 updates at 512x512, of which the correlation grows with the square
    part = 136 * 128 / 512**2
    work = 2 * ((2 * 0.82 + 0.83 + 2 * 3.59) * part + 2.15 * part**2)
    assert report["floor"]["gflop"] == pytest.approx(work)
    two, one = flow.TABLES[0].figures(report)
    assert one.ratio == pytest.approx(report["ms_per_pair"]["1"] / report["torchvision"]["fp32, 1"])
    assert two.name == "2 per call, per pair"
    del report["torchvision"]
    assert flow.TABLES[2].figures(report)[0].ratio is None
    said = capsys.readouterr().out
    assert "torchvision fp32" in said
    assert "GFLOP per pair" in said


def test_flow_by_dis(clip_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", "flow", "--model", "dis", "--video", str(clip_path), "--size", "96x64"]
    path = tmp_path / "report.json"
    assert main([*command, "--batch", "4", "--runs", "1", "--json", str(path)]) == 0
    figures = flow.TABLES[3].figures(json.loads(path.read_text()))
    assert [figure.baseline for figure in figures] == ["medium"] * 4
    assert figures[2].ratio == 1
    said = capsys.readouterr().out
    assert "5 frames of 96x64" in said
    assert [line.split()[0] for line in said.splitlines()[3:6]] == ["ultrafast", "fast", "medium"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch", "0"], "batch: expected at least 1"),
        (["--model", "movenet_multipose"], "does not estimate flow"),
        (["--size", "100x100"], "built for a size of 128 to 2048, found 100"),
    ],
)
def test_flow_that_cannot_be_measured(
    options: list[str], message: str, clip_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bench", "flow", "--video", str(clip_path), "--device", "cpu", "--backend", "torch"]
    assert main([*command, "--size", "128x128", "--runs", "1", *options]) == 2
    assert message in capsys.readouterr().err


def test_bench_upscale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--size", "40x24", "--batch", "2", "--runs", "1", "--device", "cpu"]
    words += ["--backend", "torch", "--plain", "--json", str(tmp_path / "report.json")]
    assert main(["bench", "upscale", *words]) == 0
    assert "40x24 to 160x96, whole frames" in capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["network"] == "realesr_compact-64-16-4-plain"
    assert set(report["ms_per_frame"]) == {"network", "whole, float", "whole, 8 bit"}
    assert min(report["ms_per_frame"].values()) > 0
    network, *whole = upscale.TABLES[0].figures(report)
    assert network.ratio is None
    assert [figure.baseline_ms for figure in whole] == [network.ms] * 2
    assert main(["bench", "upscale", "--batch", "0"]) == 2
    assert "batch: expected at least 1, found 0" in capsys.readouterr().err
    assert main(["bench", "upscale", "--model", "movenet_multipose"]) == 2
