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
import yaml

from kinograph.engines.detect.rtdetr_pose.weights import load_trained
from kinograph.engines.errors import ModelError
from kinograph.engines.models import checkpoint
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.families import movenet
from kinograph.workflows.cli import main

pytestmark = pytest.mark.long

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


def test_a_training_learns_its_16_pictures(data: Path, tmp_path: Path) -> None:
    """It tests the trainer and says nothing of quality, as no other pictures are looked at."""
    settings = ("--steps", "350", "--ema-decay", "0.98", "--device", "cpu")
    assert train(data, tmp_path, *settings) == 0
    files = tmp_path / "p.json", tmp_path / "report.json"
    assert predict(tmp_path, data, files[0], "--split", "train", "--score-threshold", "0") == 0
    assert evaluate(files[0], data, "--split", "train", "--output", str(files[1])) == 0
    report = json.loads(files[1].read_text())
    assert report["meta"]["dataset"]["images"] == 16
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
        *("checkpoint.pt", "metrics.jsonl", "metrics.csv", "metrics.json", "curves.png"),
        "run_record.json",
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


def test_a_run_in_the_layout_of_the_contract_validates_and_ends_early(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--steps", "9", "--batch-size", "2", "--device", "cpu", "--lr", "1e-9"]
    options += ["--val-split", "val", "--val-every-steps", "1", "--early-stop-patience", "2"]
    options += ["--cache", str(tmp_path / "cache"), "--deterministic", "--intrinsics-jitter"]
    command = ["rtdetr", "train", "--dataset-root", str(data), "--run-contract", "--run-id", "a"]
    assert main([*command, *options]) == 0
    told = capsys.readouterr().out
    assert "of 9 steps (no better validation for long enough)" in told
    run = tmp_path / "runs/a"
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert files == {
        *("checkpoints/last.pt", "checkpoints/best.pt", "reports/curves.png"),
        *("reports/train_metrics.jsonl", "reports/train_metrics.csv"),
        *("reports/val_metrics.jsonl", "reports/val_metrics.csv"),
        *("reports/run_meta.json", "reports/config_resolved.yaml"),
    }
    meta = json.loads((run / "reports/run_meta.json").read_text())
    assert meta["git"]["sha"]
    assert len(meta["dependency_lock"]["package_set_sha256"]) == 64
    assert meta["preprocess"]["image_size"] == [64, 64]
    assert meta["hardware"]["accelerator"] == "cpu"
    assert set(meta["checkpoints"]) == {"last.pt", "best.pt"}
    resolved = yaml.safe_load((run / "reports/config_resolved.yaml").read_text())
    assert resolved["settings"]["patience"] == 2
    assert len(resolved["dataset"]["sha256"]) == 64
    rows = (run / "reports/val_metrics.jsonl").read_text().splitlines()
    assert len(rows) == meta["steps"]["to"] == 3
    assert main([*command, *options]) == 2
    assert "holds the checkpoint of another run" in capsys.readouterr().err
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_minutes_choose_the_steps_before_the_first(data: Path, tmp_path: Path) -> None:
    options = ("--minutes", "0.01", "--batch-size", "2", "--device", "cpu", "--cache", "none")
    assert train(data, tmp_path, *options) == 0
    record = json.loads((tmp_path / "run_record.json").read_text())
    assert record["steps"]["to"] == record["settings"]["steps"] >= 1
    path = str(tmp_path / "checkpoint.pt")
    assert train(data, tmp_path, *options, "--resume-from", path) == 0


def test_the_backbone_for_people_starts_with_its_weights(data: Path, tmp_path: Path) -> None:
    options = ("--backbone-name", "movenet", "--backbone-lr-mult", "0", "--weight-decay", "0")
    assert train(data, tmp_path, *QUICK, *options) == 0
    trained = load_trained(tmp_path / "checkpoint.pt").module
    whole = movenet.load(resolve("movenet_multipose").path)
    for name, value in trained.backbone.state_dict().items():
        assert torch.equal(value, whole.state_dict()[name]), name
    images = torch.rand(1, 3, 64, 64)
    maps = trained.backbone(images)
    assert [tuple(x.shape[1:]) for x in maps] == [(48, 8, 8), (144, 4, 4), (480, 2, 2)]


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
        (("--colour-jitter", "2"), "--colour-jitter: expected 0..0.99, found 2"),
        (
            ("--scale-min", "2", "--multiscale"),
            "--scale-min, --scale-max: expected the least fac",
        ),
        (("--hflip-prob", "0.5"), "flip: expected keypoints that the picture's mirror image has"),
        (("--num-classes", "3"), "classes: expected 3, found 1"),
        (("--backbone-name", "vit"), "backbone: expected one of plain, movenet, found 'vit'"),
        (("--optimizer", "lion"), "optimiser: expected one of adamw, sgd, found 'lion'"),
        (("--early-stop-patience", "2"), "patience: expected validations to wait for, found 2"),
        (("--val-split", "test"), "expected a folder images/test, found none"),
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
