"""Parity and benchmark of backends: one report, which fails closed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.backends import passed, run_suite
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.families.movenet import HEADS
from kinograph.engines.runtime.engine import Engine
from kinograph.workflows.cli import main

MODEL = resolve("movenet_multipose")
HERE = ("onnxruntime", "torch")


def test_the_report(tmp_path: Path) -> None:
    report = run_suite(MODEL, (*HERE, "tensorrt"), device="cpu", runs=6, warmup=1)
    assert json.loads(json.dumps(report)) == report
    candidates = report["parity"]["candidates"]
    for name in HERE:
        assert candidates[name]["available"]
        assert candidates[name]["passed"]
        assert candidates[name]["outputs"].keys() == HEADS.keys()
        for output in candidates[name]["outputs"].values():
            assert 0 <= output["error"] <= output["threshold"] == 1e-3
    assert candidates["tensorrt"] == {
        "available": False,
        "passed": False,
        "reason": "backend tensorrt: it runs on cuda only",
    }
    assert passed(report, HERE)
    assert not passed(report, (*HERE, "tensorrt"))
    for result, name in zip(report["benchmark"]["results"], HERE, strict=True):
        times = result["metrics"]["latency_ms"]
        assert result["name"] == name
        assert 0 < times["min"] <= times["p50"] <= times["p90"] <= times["p99"] <= times["max"]
        assert result["metrics"]["fps"] == pytest.approx(1000 / times["mean"])
        assert result["memory_before"]["process"] > 2**20
        assert result["memory_after"]["process"] > 2**20
    assert report["meta"]["versions"]["torch"] == torch.__version__
    assert report["meta"]["weights_sha256"] == MODEL.entry.sha256


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda out: out["kpt_heatmap"].fill_(float("nan")), "kpt_heatmap: NaN or infinity"),
        (lambda out: out.update(center=out["center"][:, :, 1:]), "center: expected"),
        (lambda out: out.pop("kpt_offset"), "the output 'kpt_offset' is missing"),
        (lambda out: out["box_scale"].mul_(1.01), "box_scale: relative error 0.01"),
        (lambda out: out.update(center=out["center"].half()), "expected float32, found float16"),
        (lambda out: out["kpt_regress"].neg_(), "kpt_regress: relative error 2"),
    ],
)
def test_one_wrong_output_fails(monkeypatch: pytest.MonkeyPatch, damage: Any, message: str) -> None:
    """Also the ones in which a peer's suite passes: NaN everywhere, another shape, a wrong head."""
    right = Engine.infer

    def infer(self: Engine, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        outputs = {name: value.clone() for name, value in right(self, inputs).items()}
        if self.backend == "onnxruntime":
            damage(outputs)
        return outputs

    monkeypatch.setattr(Engine, "infer", infer)
    report = run_suite(MODEL, HERE, device="cpu")
    candidate = report["parity"]["candidates"]["onnxruntime"]
    assert candidate["available"]
    assert not candidate["passed"]
    assert message in candidate["reason"]
    assert report["parity"]["candidates"]["torch"]["passed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backends": ["abacus"]}, "backends: expected some of tensorrt_rtx, .* found 'abacus'"),
        ({"batch": 0}, "batch: expected at least 1, found 0"),
        ({"runs": -1}, "runs: expected at least 0, found -1"),
        ({"size": (100, 448)}, "multiples of 32, found 448x100"),
    ],
)
def test_unusable_requests(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run_suite(MODEL, **options)


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    common = ["--device", "cpu", "--output", str(path)]
    assert main(["parity", MODEL.name, "--backends", "torch,onnxruntime", *common]) == 0
    assert "passed" in capsys.readouterr().out
    assert not json.loads(path.read_text())["benchmark"]["enabled"]
    # what was asked for and is not there has not passed
    assert main(["parity", MODEL.name, "--backends", "torch,tensorrt_rtx", *common]) == 1
    assert "unavailable" in capsys.readouterr().out
    settings = ["--runs", "3", "--warmup", "0", "--batch", "2", "--size", "224x128"]
    assert main(["bench", MODEL.name, "--backends", "torch", *settings, *common]) == 0
    assert "2x3x128x224 milliseconds a call" in capsys.readouterr().out
    assert json.loads(path.read_text())["benchmark"]["input"] == [2, 3, 128, 224]
    assert main(["bench", MODEL.name, "--size", "wide", *common]) == 2
    assert "--size: expected WIDTHxHEIGHT" in capsys.readouterr().err
    assert main(["parity", "posenet"]) == 2
