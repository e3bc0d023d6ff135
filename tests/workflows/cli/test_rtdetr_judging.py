"""`kinograph rtdetr` judges detectors: from files without PyTorch, and networks."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kinograph.engines.datasets.records import Records
from kinograph.engines.detect.rtdetr_pose.config import NANO
from kinograph.engines.evaluation.adapters.plugin import Plugin
from kinograph.engines.evaluation.baseline import digest_of
from kinograph.workflows.cli import main
from made_checkpoints import TINY, write_checkpoint
from made_predictions import Entries, perfect, write, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return write_data(tmp_path_factory.mktemp("judging") / "cuboids", images=6)


@pytest.fixture(scope="module")
def right(data: Records) -> Entries:
    return perfect(data)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("network") / "checkpoint.pt")


def run(task: str, data: Records, *options: str) -> int:
    return main(["rtdetr", task, "--dataset", str(data.root), *options])


def test_files_are_judged_without_pytorch(data: Records, right: Entries, tmp_path: Path) -> None:
    """In a process of its own, in which PyTorch and ONNX Runtime cannot be imported at all."""
    path = str(write(right, tmp_path / "p.json"))
    tasks = [
        ["evaluate", "--predictions", path, "--html", str(tmp_path / "p.html")],
        ["scenarios", "--adapter", "precomputed", "--predictions", path],
        ["baseline", "--adapter", "precomputed", "--predictions", path],
    ]
    lines = [
        *("import sys", "sys.modules.update(torch=None, onnxruntime=None)"),
        "from kinograph.workflows.cli import main",
        *(
            f"assert main({['rtdetr', *task, '--dataset', str(data.root)]!r} + "
            f"['--output', {str(tmp_path / task[0])!r}]) == 0"
            for task in tasks
        ),
    ]
    ended = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert json.loads((tmp_path / "evaluate").read_text())["metrics"]["box_ap"] == 1
    assert len(json.loads((tmp_path / "scenarios").read_text())["scenarios"]) == 9
    baseline = json.loads((tmp_path / "baseline").read_text())
    assert baseline["predictions"] == {"hash_sha256": digest_of(right), "images": 6}
    assert baseline["summary"]["precision"] == 1
    assert baseline["speed"]["fps"] is None
    assert "torch" in baseline["meta"]["versions"]
    assert (tmp_path / "p.html").read_text().startswith("<!doctype html>")


def test_a_network_is_judged(
    data: Records, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, told = tmp_path / "b.json", tmp_path / "p.json"
    network = ("--checkpoint", str(checkpoint), "--device", "cpu", "--batch-size", "4")
    options = (*network, "--score-threshold", "0.1", "--output", str(output))
    assert run("baseline", data, *options, "--predictions-out", str(told), "--wrap") == 0
    assert "latency_p95_ms" in capsys.readouterr().out
    report = json.loads(output.read_text())
    latency = report["speed"]["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["max"]
    assert report["speed"]["network_ms"]["p50"] < latency["p50"]
    assert report["speed"]["one_by_one"] == 6
    rows = {row["name"]: row["metrics"] for row in report["scenario_suite"]["scenarios"]}
    assert rows["handheld_jitter_on"]["fps"] > 0
    assert rows["handheld_jitter_on"]["map"] is not None
    assert 0 <= report["summary"]["rejection_rate"] < 1
    content = json.loads(told.read_text())
    assert report["predictions"]["hash_sha256"] == digest_of(content["predictions"])
    assert report["summary"]["total_pred"] == sum(
        len(entry["detections"]) for entry in content["predictions"]
    )
    # The predictions judged as a file have the same figures, and are the same in a second run.
    assert run("evaluate", data, "--predictions", str(told), "--output", str(output)) == 0
    assert json.loads(output.read_text())["metrics"] == report["metrics"]
    again = (*network, "--score-threshold", "0.1", "--adapter", "rtdetr_pose")
    assert run("predict", data, *again, "--output", str(told)) == 0
    assert digest_of(json.loads(told.read_text())) == report["predictions"]["hash_sha256"]
    # As an adapter of a peer's, which names pictures by their paths.
    adapter = Plugin().create({"checkpoint": str(checkpoint), "device": "cpu", "backend": "torch"})
    records = [{"image": str(record.image)} for record in data.images[:2]]
    assert [entry["image"] for entry in adapter.predict(records)] == [r["image"] for r in records]


def test_a_part_never_passes_as_the_whole(
    data: Records,
    right: Entries,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(write(right, tmp_path / "p.json"))
    output = tmp_path / "s.json"
    part = ("--adapter", "precomputed", "--predictions", path, "--max-images", "2")
    assert run("scenarios", data, *part, "--output", str(output)) == 0
    assert "only 2 of 6 images were looked at" in capsys.readouterr().out
    about = json.loads(output.read_text())["meta"]["dataset"]
    assert (about["images"], about["of"], about["complete"]) == (2, 6, False)
    network = ("--checkpoint", str(checkpoint), "--device", "cpu")
    few = tmp_path / "few.json"
    assert run("predict", data, *network, "--max-images", "2", "--output", str(few)) == 0
    assert "in 2 images of 6" in capsys.readouterr().out
    assert run("evaluate", data, "--predictions", str(few), "--output", str(tmp_path / "r")) == 2
    assert "expected predictions for all 6 images, found none for" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


Change = Any


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[0]["detections"][0].update(score=7), "score: expected a number in 0..1"),
        (lambda c: c[0]["detections"][0]["bbox"].update(w=-1), "bbox.w: expected a number in 0..1"),
        (lambda c: c.append(copy.deepcopy(c[0])), "image: expected each image once"),
        (lambda c: c[0].update(image="x.png"), "image: expected an image of the data set"),
    ],
)
def test_bad_predictions_are_named(
    data: Records,
    right: Entries,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Change,
    message: str,
) -> None:
    worse = copy.deepcopy(right)
    change(worse)
    path = str(write(worse, tmp_path / "p.json"))
    output = ("--output", str(tmp_path / "report.json"))
    files = ("--adapter", "precomputed", "--predictions", path)
    for task, options in (("evaluate", files[2:]), ("scenarios", files), ("baseline", files)):
        assert run(task, data, *options, *output) == 2
        assert f"{path}: [" in (told := capsys.readouterr().err)
        assert message in told
    assert not (tmp_path / "report.json").exists()


def test_what_does_not_go_together_is_named(
    data: Records, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_checkpoint(tmp_path / "other.pt", replace(NANO, keypoints=8))
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"network": {**TINY.to_json(), "hidden": 32}}))
    mine = ("--checkpoint", str(checkpoint), "--device", "cpu")
    for options, message in (
        (("--adapter", "precomputed"), "--adapter precomputed: needs --predictions FILE"),
        (("--adapter", "torch"), "--adapter torch: needs --checkpoint FILE"),
        ((*mine, "--predictions", "p"), "--adapter torch: takes no --predictions FILE"),
        ((*mine, "--adapter", "abacus"), "backend: expected"),
        (("--checkpoint", str(other)), "classes: expected cuboid, symmetric cuboid, as in"),
        ((*mine, "--config", str(config)), "of another config than"),
        ((*mine, "--image-size", "64"), "image size: expected 64x64, found a network that sees"),
        ((*mine, "--table-plane", "0,0,0,1"), "--table-plane: expected NX,NY,NZ,D"),
        ((*mine, "--score-threshold", "7"), "score threshold: expected 0 to below 1, found 7"),
    ):
        assert run("scenarios", data, *options) == 2, options
        assert message in capsys.readouterr().err
    assert run("baseline", data, *mine, "--no-scenarios", "--iou-threshold", "0") == 2
    assert "IoU threshold: expected above 0 and at most 1" in capsys.readouterr().err
    assert run("baseline", data, *mine, "--wrap") == 2
    assert "--wrap: needs --predictions-out" in capsys.readouterr().err
