"""`kinograph rtdetr` as users run it: made pictures, a training, predictions."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from kinograph.engines.detect.rtdetr_pose.weights import load_trained
from kinograph.engines.errors import ModelError
from kinograph.engines.models import checkpoint
from kinograph.workflows.cli import main

QUICK = ("--steps", "2", "--batch-size", "4", "--device", "cpu", "--lr-warmup-steps", "0")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rtdetr") / "cuboids"
    command = ["rtdetr", "synth", "--out", str(folder), "--images", "16", "--size", "64x64"]
    assert main([*command, "--val-images", "2"]) == 0
    return folder


def train(data: Path, run: Path, *options: str) -> int:
    return main(["rtdetr", "train", "--dataset-root", str(data), "--run-dir", str(run), *options])


def predict(run: Path, data: Path, output: Path, *options: str) -> int:
    files = ["--checkpoint", str(run / "checkpoint.pt"), "--output", str(output)]
    return main(["rtdetr", "predict", "--dataset", str(data), *files, "--device", "cpu", *options])


def evaluate(predictions: Path, data: Path, *options: str) -> int:
    files = ["--predictions", str(predictions), "--dataset", str(data)]
    return main(["rtdetr", "evaluate", *files, *options])


def test_a_training_learns_its_8_pictures(tmp_path: Path) -> None:
    """It tests the trainer and says nothing of quality, as no other pictures are looked at."""
    data = tmp_path / "few"
    command = ["rtdetr", "synth", "--out", str(data), "--images", "8", "--size", "64x64"]
    assert main([*command, "--val-images", "1"]) == 0
    settings = ("--steps", "220", "--ema-decay", "0.98", "--device", "cpu")
    assert train(data, tmp_path, *settings) == 0
    files = tmp_path / "p.json", tmp_path / "report.json"
    assert predict(tmp_path, data, files[0], "--split", "train", "--score-threshold", "0") == 0
    assert evaluate(files[0], data, "--split", "train", "--output", str(files[1])) == 0
    report = json.loads(files[1].read_text())
    assert report["meta"]["dataset"]["images"] == 8
    figures = report["metrics"]
    assert figures["box_ap"] >= 0.95
    assert figures["rotation_median_deg"] <= 6
    assert figures["add_10"] >= 0.9


def test_predictions_hold_what_the_format_asks_for(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--use-uncertainty", "--keypoint-scores", "--denoising-groups", "1")
    assert train(data, tmp_path, *QUICK, *options, "--colour-jitter", "0.2", "--amp", "bf16") == 0
    told = capsys.readouterr().out
    assert "2 of 2 steps" in told
    assert {path.name for path in tmp_path.iterdir()} == {
        *("checkpoint.pt", "metrics.jsonl", "metrics.csv", "curves.png", "run_record.json"),
    }
    output = tmp_path / "p.json"
    assert predict(tmp_path, data, output, "--wrap", "--score-threshold", "0") == 0
    assert capsys.readouterr().out.splitlines()[0] == "24 objects in 2 images"
    content: dict[str, Any] = json.loads(output.read_text())
    assert set(content) == {"schema_version", "predictions", "meta"}
    assert content["meta"]["images"] == 2
    entry = content["predictions"][0]
    assert entry["image"] == "images/val/000016.png"
    assert entry["image_size"] == {"width": 64, "height": 64}
    assert entry["intrinsics"]["fx"] == pytest.approx(76.8)
    detections = entry["detections"]
    scores = [found["score"] for found in detections]
    assert scores == sorted(scores, reverse=True)
    lengths = {name: len(v) if isinstance(v, list) else 0 for name, v in detections[0].items()}
    assert lengths == {
        **dict.fromkeys(("class_id", "score", "bbox", "log_z", "log_sigma_z", "log_sigma_rot"), 0),
        **{"k_delta": 4, "rot6d": 6, "offsets": 2, "keypoints": 24},
    }
    assert predict(tmp_path, data, output, "--score-threshold", "0", "--max-detections", "3") == 0
    assert [len(entry["detections"]) for entry in json.loads(output.read_text())] == [3, 3]
    capsys.readouterr()
    assert evaluate(output, data) == 0
    assert "box_ap" in capsys.readouterr().out
    assert evaluate(output, data, "--split", "train") == 2
    assert "image: expected an image of the data set" in capsys.readouterr().err


def test_a_run_goes_on_where_it_was_stopped(data: Path, tmp_path: Path) -> None:
    """A process that SIGTERM ends leaves a checkpoint, from which the same weights follow."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = ("--steps", "24", "--batch-size", "4", "--device", "cpu", "--denoising-groups", "1")
    command = [sys.executable, "-m", "kinograph.workflows.cli", "rtdetr", "train", *options]
    files = ["--dataset-root", str(data), "--run-dir", str(parts)]
    process = subprocess.Popen([*command, *files], stderr=subprocess.DEVNULL)
    journal = parts / "metrics.jsonl"
    while not (journal.exists() and journal.read_text().count("\n") >= 2):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(120) == 143
    path = parts / "checkpoint.pt"
    assert 2 <= checkpoint.load(path)["step"] < 24
    assert train(data, parts, *options, "--resume-from", str(path)) == 0
    assert train(data, whole, *options) == 0
    one, other = (checkpoint.load(run / "checkpoint.pt") for run in (whole, parts))
    for part in ("weights", "average"):
        for name, values in one[part].items():
            assert torch.equal(values, other[part][name]), name
    assert (whole / "metrics.jsonl").read_text() == journal.read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dataset-root", "none"), "none: expected a folder images/train, found none"),
        (("--split", "test"), "expected a folder images/test, found none"),
        (("--model", "huge"), "model: expected one of nano, small, found 'huge'"),
        (("--image-size", "100"), "size: expected multiples of 32 px up to 4096, found 100x100"),
        (("--image-size", "axb"), "--image-size: expected WIDTHxHEIGHT"),
        (("--amp", "int8"), "amp: expected one of none, fp16, bf16, found 'int8'"),
        (("--num-queries", "1"), "expected at most 1 objects, one per query, found 2"),
        (("--colour-jitter", "2"), "expected a colour jitter in 0..1"),
        (("--device", "tpu"), "device: expected auto, cpu or cuda, found 'tpu'"),
        (("--resume-from", "none.pt"), "none.pt: expected a checkpoint, found no file"),
    ],
)
def test_wrong_options_are_named(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    message: str,
) -> None:
    assert train(data, tmp_path / "run", *QUICK, *options) == 2
    assert message in capsys.readouterr().err


def test_a_checkpoint_of_other_classes_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, tmp_path / "run", *QUICK) == 0
    other = tmp_path / "other"
    command = ["rtdetr", "synth", "--out", str(other), "--images", "2", "--size", "64x64"]
    assert main([*command, "--val-images", "1", "--classes", "2"]) == 0
    assert predict(tmp_path / "run", data, tmp_path / "p.json", "--score-threshold", "7") == 2
    assert "expected a score threshold in 0..1 and at least 1" in capsys.readouterr().err
    assert predict(tmp_path / "run", other, tmp_path / "p.json") == 2
    assert "classes: expected cuboid, symmetric cuboid, as in" in capsys.readouterr().err
    assert not (tmp_path / "p.json").exists()
    assert main(command) == 2
    assert "there is a data set in it already" in capsys.readouterr().err
    path = tmp_path / "run/checkpoint.pt"
    content = checkpoint.load(path)
    content["config"]["network"]["hidden"] = 32
    checkpoint.save(content, path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt: the weights do not fit: .* expected"):
        load_trained(path)


def test_a_picture_that_is_cut_off_is_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    path = copy / "images/train/000003.png"
    path.write_bytes(path.read_bytes()[:300])
    assert train(copy, tmp_path / "run", *QUICK) == 2
    assert "000003.png: is not an image, or is damaged" in capsys.readouterr().err
    (copy / "labels/train/000004.txt").write_text("9 0.5 0.5 0.1 0.1\n")
    assert train(copy, tmp_path / "run", *QUICK) == 2
    assert "000004.txt: line 1: expected class cx cy w h" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
