"""Run by torchrun in two processes: `kinograph rtdetr train` whole, stopped, resumed, and failing.

usage: trained_together.py DATA FOLDER
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from kinograph.engines.detect.rtdetr_pose import criterion
from kinograph.engines.models import checkpoint
from kinograph.engines.training import loop
from kinograph.engines.training.processes import joined
from kinograph.workflows.cli import main

DATA, FOLDER = sys.argv[1], Path(sys.argv[2])
FIRST = os.environ["RANK"] == "0"
OPTIONS = (
    *("--dataset-root", DATA, "--device", "cpu", "--batch-size", "2", "--steps", "4", "--ddp"),
    *("--lr-warmup-steps", "0", "--denoising-groups", "1", "--hsv-s", "0.3", "--multiscale"),
    *("--val-split", "val", "--val-every-steps", "2", "--early-stop-patience", "9"),
)


def train(name: str, *options: str) -> int:
    return main(["rtdetr", "train", *OPTIONS, "--run-dir", str(FOLDER / name), *options])


real: Any = loop.Run.advance


def stopped(run: Any) -> dict[str, float]:
    """Advance; the second process alone gets a signal in the second step."""
    if run.step == 1 and not FIRST:
        os.kill(os.getpid(), signal.SIGTERM)
    figures: dict[str, float] = real(run)
    return figures


def refused(*arguments: object) -> None:
    raise criterion.TrainingError("head bbox, image a.png: found NaN")


with joined(torch.device("cpu")):
    assert train("whole") == 0
    loop.Run.advance = stopped  # type: ignore[method-assign]
    status = train("parts")
    assert status == (128 if FIRST else 143), status
    loop.Run.advance = real  # type: ignore[method-assign]
    path = FOLDER / "parts/checkpoint.pt"
    assert checkpoint.load(path)["step"] == 2
    assert train("parts", "--resume-from", str(path)) == 0
    if not FIRST:  # NaN in one process ends both
        criterion.check_finite = refused  # type: ignore[assignment]
    assert train("broken") == 2
