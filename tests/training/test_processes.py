"""Two processes that torchrun starts: what one would do alone, stopped together, resumed alike."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kinograph.engines.datasets.synthesise import write_cuboids
from kinograph.engines.models import checkpoint
from kinograph.workflows.cli import main

SCRIPT = Path(__file__).parents[1] / "support/trained_together.py"


def test_two_processes_are_one_with_twice_the_batches_and_resume_bit_for_bit(
    tmp_path: Path,
) -> None:
    data = tmp_path / "cuboids"
    write_cuboids(data, {"train": 8, "val": 2}, size=(64, 64))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(SCRIPT), str(data), str(tmp_path)]
    ran = subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert "step 1: head bbox, image a.png: found NaN" in ran.stderr
    assert "step 1: another process could not go on" in ran.stderr
    one, other = (checkpoint.load(tmp_path / n / "checkpoint.pt") for n in ("whole", "parts"))
    for part in ("weights", "average"):
        for name, values in one[part].items():
            assert torch.equal(values, other[part][name]), name
    assert one["standing"] == other["standing"]
    for file in ("metrics.jsonl", "val_metrics.jsonl"):
        rows = [(tmp_path / name / file).read_text() for name in ("whole", "parts")]
        assert rows[0] == rows[1]
    options = ["--dataset-root", str(data), "--device", "cpu", "--batch-size", "2"]
    options += ["--grad-accum", "2", "--steps", "4", "--lr-warmup-steps", "0"]
    options += ["--denoising-groups", "1", "--hsv-s", "0.3", "--multiscale"]
    assert main(["rtdetr", "train", *options, "--run-dir", str(tmp_path / "alone")]) == 0
    alone = checkpoint.load(tmp_path / "alone/checkpoint.pt")
    trained = {n for n, v in alone["weights"].items() if v.is_floating_point()}
    trained = {n for n in trained if "running" not in n}  # which are means over processes
    for name in trained:
        torch.testing.assert_close(
            one["weights"][name], alone["weights"][name], rtol=1e-3, atol=2e-3, msg=name
        )


def test_ddp_without_torchrun_says_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--dataset-root", str(tmp_path), "--run-dir", str(tmp_path / "a")]
    assert main(["rtdetr", "train", *files, "--ddp"]) == 2
    assert "--ddp: expected to be started by torchrun; run: torchrun" in capsys.readouterr().err
