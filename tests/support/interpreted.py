"""Triton kernels in triton's interpreter on the CPU, compared with the same steps in torch.

Triton reads how it is to run when it is imported, so the comparison is a script in a process of its
own; the test runs it and reads what it prints.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

Case = Callable[[], "Tensor | tuple[Tensor, ...]"]
Apart = dict[str, tuple[bool, float, float]]


def run_script(name: str, *, timeout: float) -> Apart:
    """Return what a script of this folder prints, by case: whether the shapes are alike, the
    largest difference over the largest value, and the largest value of the first output."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(name))],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {}
    for line in done.stdout.splitlines():
        case, shapes, difference, largest = line.split()
        found[case] = shapes == "True", float(difference), float(largest)
    return found


def print_cases(kernels: ModuleType, cases: Mapping[str, Callable[[], Case]]) -> None:
    """Print what `run_script` reads: each case with its steps in torch and with the kernels."""
    module: Any = kernels
    torch.set_num_threads(2)
    for name, make in cases.items():
        torch.manual_seed(0)
        case = make()
        with torch.no_grad():
            module.usable = lambda values: False
            steps = _several(case())
            module.usable = lambda values: True
            found = _several(case())
        shapes = [x.shape for x in steps] == [x.shape for x in found]
        apart = max(
            float((a - b).abs().max() / a.abs().max()) for a, b in zip(steps, found, strict=True)
        )
        print(name, shapes, apart, float(steps[0].abs().max()))


def _several(found: "Tensor | tuple[Tensor, ...]") -> tuple[Tensor, ...]:
    several = found if isinstance(found, tuple) else (found,)
    return tuple(one.float() for one in several)
