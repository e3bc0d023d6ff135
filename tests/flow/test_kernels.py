"""RAFT's GPU kernels against the same in steps of torch, in triton's interpreter on the CPU."""

import math
import subprocess
from importlib.util import find_spec

import pytest

from interpreted import Apart, run_script
from kinograph.engines.runtime.triton_ready import triton_compiles

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
def apart() -> Apart:
    return run_script("kernels_in_steps.py", timeout=300)


def test_every_case_ran(apart: Apart) -> None:
    assert set(apart) == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_steps_of_torch(apart: Apart, case: str) -> None:
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
    triton_compiles.cache_clear()
    try:
        assert not triton_compiles("RAFT runs without its GPU kernels")
        assert not triton_compiles("RAFT runs without its GPU kernels")
    finally:
        triton_compiles.cache_clear()
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # once
    assert "C compiler" in caplog.text
