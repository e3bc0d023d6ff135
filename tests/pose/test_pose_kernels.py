"""The GPU kernel that reads MoveNet's heads against torch, in triton's interpreter on the CPU."""

import math
from importlib.util import find_spec

import pytest

from interpreted import Apart, run_script

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")

CASES = ("several-blocks", "fp16-channels-last")


@pytest.fixture(scope="module")
def apart() -> Apart:
    return run_script("pose_kernels_in_steps.py", timeout=300)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_steps_of_torch(apart: Apart, case: str) -> None:
    shapes, difference, largest = apart[case]
    assert shapes
    assert math.isfinite(largest)
    assert largest > 0.1
    assert difference < 2e-5
