"""`kinograph train flow` and `kinograph bench train-flow` as users run them, on tiny pairs."""

import json
import os
import signal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from kinograph.engines.datasets import flow_scenes
from kinograph.engines.datasets.backgrounds import Backgrounds
from kinograph.engines.datasets.flow_scenes import FlowScenes
from kinograph.engines.flow.families.raft import torchvisions
from kinograph.engines.models import checkpoint
from kinograph.workflows.bench import train_flow as bench
from kinograph.workflows.cli import main

TINY = ["--size", "64x64", "--batch", "1", "--updates", "1", "--device", "cpu"]
FLOW = ["train", "flow", *TINY, "--warmup", "1", "--validate-every", "0"]


@cache
def few(
    size: tuple[int, int], seed: int, device: torch.device, photographs: None = None
) -> FlowScenes:
    """Scenes of few textures, made once for all tests."""
    return FlowScenes(size=size, seed=seed, device=device, textures=4, shapes=4, side=64)


@pytest.fixture(autouse=True)
def few_textures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_scenes, "FlowScenes", few)


def test_a_run_goes_on_with_more_updates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main([*FLOW, "--out", str(out), "--steps", "4", "--decay", "0.5"]) == 0
    told = capsys.readouterr().out
    assert "RAFT small on cpu, pairs of 64x64, batches of 1, 1 updates, none precision" in told
    assert "step 2: the learning rate falls over the next 2 steps" in told
    assert "step 4, 4 pairs in this run" in told
    assert checkpoint.load(out / "checkpoint.pt")["config"]["data"] == {
        "name": "flow_scenes",
        "seed": 0,
    }
    more = [*FLOW, "--out", str(out), "--steps", "3", "--resume", "--updates", "2"]
    assert main(more) == 0
    told = capsys.readouterr().out
    assert f"going on from {out / 'stable.pt'}: updates 1 -> 2" in told
    assert (out / "curves.png").is_file()
    record = json.loads((out / "run_record.json").read_text())
    assert record["steps"] == {"from": 2, "to": 3, "of": 3}
    assert record["options"]["updates"] == 2


def test_what_cannot_be_done_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    wrong = {
        ("--size", "60x64"): "size: expected sides that are multiples of 8 from 64 px on, found 60",
        ("--amp", "fp16"): "--amp: expected auto, none or bf16, found 'fp16'",
        ("--resume",): f"--out {out}: holds no run to resume; leave out --resume",
        ("--speedup", "both"): "speedup: expected none on cpu, as both is for NVIDIA GPUs",
        ("--decay", "1"): "decay: expected 0..0.9 of the run, found 1",
    }
    for options, message in wrong.items():
        assert main([*FLOW, "--out", str(out), "--steps", "1", *options]) == 2
        assert message in capsys.readouterr().err
    assert not out.exists()
    out.mkdir()
    (out / "checkpoint.pt").write_bytes(b"")
    assert main([*FLOW, "--out", str(out), "--steps", "1"]) == 2
    assert "holds a run; go on with it by --resume" in capsys.readouterr().err
    assert main([*FLOW, "--out", str(out), "--steps", "1", "--resume"]) == 2
    assert "expected a checkpoint, found a file that is none" in capsys.readouterr().err


def test_a_run_begins_with_given_weights_and_own_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Backgrounds | None] = []

    def own(*, photographs: Backgrounds | None = None, **others: Any) -> FlowScenes:
        asked.append(photographs)
        return few(**others)

    monkeypatch.setattr(flow_scenes, "FlowScenes", own)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (80, 64), "teal").save(pictures / "one.png")
    weights = tmp_path / "start.safetensors"
    torch.manual_seed(7)
    start = torchvisions(large=False).state_dict()
    save_file({name: value.contiguous() for name, value in start.items()}, weights)
    run = [*FLOW, "--steps", "1", "--lr", "1e-9", "--weight-decay", "0"]
    options = ["--weights", str(weights), "--photographs", str(pictures)]
    assert main([*run, "--out", str(tmp_path / "run"), *options]) == 0
    stored = checkpoint.load(tmp_path / "run" / "checkpoint.pt")
    for name, value in start.items():
        torch.testing.assert_close(stored["weights"][name], value, atol=1e-6, rtol=0)
    assert stored["config"]["data"]["photographs"] == "pictures"
    assert asked[0] is not None
    assert len(asked[0].pictures) == 1
    capsys.readouterr()
    again = [*run, "--out", str(tmp_path / "run"), "--resume", "--weights", str(weights)]
    assert main(again) == 2
    assert "--weights: a run that is resumed has its own" in capsys.readouterr().err
    for name, message in {
        "none.pth": "none.pth",
        "movenet_multipose": "expected a model of the family raft_small, found movenet_multipose",
    }.items():
        assert main([*run, "--out", str(tmp_path / "other"), "--weights", name]) == 2
        assert message in capsys.readouterr().err


def test_a_signal_saves_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kinograph.workflows.cli.terminal import Bars

    monkeypatch.setattr(Bars, "show", lambda self, **figures: os.kill(os.getpid(), signal.SIGTERM))
    out = tmp_path / "run"
    assert main([*FLOW, "--out", str(out), "--steps", "9"]) == 128 + signal.SIGTERM
    assert "stopped; go on with --resume" in capsys.readouterr().out
    assert checkpoint.load(out / "checkpoint.pt")["step"] == 1


def test_the_training_is_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def noise(size: tuple[int, int], seed: int, device: torch.device) -> Any:
        return lambda numbers: bench.Noise.made(len(numbers), size, device)

    monkeypatch.setattr(bench, "FlowScenes", noise)
    path = tmp_path / "bench.json"
    options = ["--size", "128x128", "--batch", "1", "--updates", "1", "--runs", "1"]
    command = ["bench", "train-flow", *options, "--device", "cpu", "--json", str(path)]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "batches of 1 pairs of 128x128, 1 updates, none precision, cpu" in told
    report = json.loads(path.read_text())
    assert list(report["ways"]) == [
        "torchvision, eager",
        "kinograph, none",
        "kinograph, none, with pairs made",
    ]
    assert all(way["steps_per_s"] > 0 for way in report["ways"].values())
    assert report["made_pairs_per_s"] > 0
    assert main([*command, "--amp", "fp16"]) == 2
    assert "amp: expected auto, none or bf16, found 'fp16'" in capsys.readouterr().err
