"""`kinograph bench rtdetr` on the smallest network."""

import json
from pathlib import Path

import pytest

from kinograph.workflows.cli import main
from kinograph.workflows.cli.commands.bench import rtdetr


def test_training_and_inference_are_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bench.json"
    options = ["--model", "nano", "--batch", "2", "--runs", "1", "--device", "cpu"]
    command = ["bench", "rtdetr", *options, "--no-baseline", "--json", str(path)]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "64x64, batches of 2, training with amp none, cpu" in told
    report = json.loads(path.read_text())
    (found,) = report["networks"].values()
    assert 0.9e6 < found["parameters"] < 1.2e6
    assert found["train_images_per_s"] > 0
    assert found["infer_ms_per_image"]["fp32"] > 0
    assert 0.02 < found["gflop"] < 0.2
    assert report["engines"]["onnxruntime"]["fp32"] > 0
    assert "onnxruntime fp32: " in told
    theirs = {"train_images_per_s": 10.0, "infer_ms_per_image": {"fp32": 8.0}}
    report["networks"]["theirs"] = theirs  # without the baseline, no table is made of a report
    training, inference = rtdetr.TABLES[0].figures(report)
    assert training.ms == pytest.approx(1000 / found["train_images_per_s"])
    assert (training.baseline, training.baseline_ms) == ("theirs", 100)
    assert inference.ratio == pytest.approx(found["infer_ms_per_image"]["fp32"] / 8)
    assert main(["bench", "rtdetr", "--model", "huge"]) == 2
    assert "model: expected one of nano, small, found 'huge'" in capsys.readouterr().err
