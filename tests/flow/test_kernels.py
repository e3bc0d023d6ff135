"""RAFT's GPU kernels against the same in steps of torch, in triton's interpreter on the CPU."""

import math
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from kinograph.engines.flow.raft import kernels

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")

CASES = (
    "look-3",
    "look-3-beside",
    "look-4",
    "flow_features",
    "flow_head",
    "encoders",
    "update_small",
    "update_large",
)


@pytest.fixture(scope="module")
def apart() -> dict[str, tuple[bool, float, float]]:
    """By case: whether the shapes are alike, the largest difference over the largest value, and
    that value. Triton reads how it is to run when it is imported: a process of its own."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parents[1] / "support" / "kernels_in_steps.py")],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {}
    for line in done.stdout.splitlines():
        name, shapes, difference, largest = line.split()
        found[name] = shapes == "True", float(difference), float(largest)
    return found


def test_every_case_ran(apart: dict[str, tuple[bool, float, float]]) -> None:
    assert set(apart) == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_steps_of_torch(apart: dict[str, tuple[bool, float, float]], case: str) -> None:
    shapes, difference, largest = apart[case]
    assert shapes
    assert largest > 0.1
    assert math.isfinite(largest)
    assert difference < 2e-5


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("Failed to find C compiler."),
        subprocess.CalledProcessError(1, ["cc", "main.c"]),
        FileNotFoundError("cc"),
    ],
)
def test_without_a_compiler_the_steps_of_torch_take_over(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Driver:
        @property
        def active(self) -> None:
            raise failure

    monkeypatch.setattr("triton.runtime.driver", Driver())
    kernels._there.cache_clear()
    try:
        assert not kernels._there()
        assert not kernels._there()
    finally:
        kernels._there.cache_clear()
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # once
    assert "C compiler" in caplog.text
