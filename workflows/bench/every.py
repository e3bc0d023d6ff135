"""All tables of docs/performance.md in one report, each measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...engines.errors import InputError
from ...engines.evaluation.report import report
from .figures import Table

SCHEMA_VERSION = 1
KIND = "bench all"

_APART = Path(__file__).resolve().parents[1] / "cli" / "apart.py"


def measure_tables(
    tables: Sequence[Table],
    *,
    device: str,
    quick: bool = False,
    say: Callable[[str], None] = lambda command: None,
) -> dict[str, Any]:
    """Measure tables one after another, and return a report of them all.

    device: "cpu" or "cuda"; tables that it does not have are left out
    quick:  fewer runs and smaller inputs: to see that everything works, not for documents
    say:    called with every command before it runs

    The report's `load` is that of the machine before the first table (None on Windows): much above
    0, other programs took their part of the processor. Its `tables` have the `title`, the `command`
    that repeats the measurement, its `seconds`, the `figures` with their baselines and ratios, and
    the whole `report` of the command; one that failed has an `error` instead of figures. Raises
    `InputError` if there is nothing to measure.
    """
    import torch  # noqa: F401  # the report describes the GPU only where PyTorch was imported

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    chosen = [table for table in tables if device in table.words]
    if not chosen:
        raise InputError(f"bench all: nothing is measured on {device}; expected cpu or cuda")
    measured = []
    for table in chosen:
        words = table.command(device, quick=quick)
        command = " ".join(("kinograph bench", *words))
        say(command)
        started = time.perf_counter()
        found = _measured(table, words)
        measured.append(
            {
                "title": table.title,
                "command": command,
                "seconds": time.perf_counter() - started,
                **found,
            }
        )
    results = {"device": device, "quick": quick, "load": load, "tables": measured}
    packages = ("numpy", "av", "onnxruntime", "onnxruntime-gpu", "torchvision", "transformers")
    return report(KIND, SCHEMA_VERSION, results, packages=packages)


def _measured(table: Table, words: Sequence[str]) -> dict[str, Any]:
    """Return the figures and the report of a table, or the error of its command.

    The process ends with this one, by its standard input.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.json")
        command = [sys.executable, str(_APART), "bench", *words, table.report, str(path)]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as child:
            assert child.stdout is not None
            said = child.stdout.read()
            status = child.wait()
        if status or not path.is_file():
            last = said.strip().rpartition("\n")[2].rpartition("\r")[2]
            return {"error": last.removeprefix("kinograph: ") or f"exit status {status}"}
        found = json.loads(path.read_text(encoding="utf-8"))
    return {"figures": [figure.as_json() for figure in table.figures(found)], "report": found}
