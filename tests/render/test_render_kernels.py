"""The GPU kernel that draws against steps of torch, in triton's interpreter on the CPU."""

import math
from importlib.util import find_spec

import pytest

from interpreted import Apart, run_script
from kinograph.engines.render.styles import STYLES

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")

CASES = ("shapes", "more-than-are-tested-at-once", *STYLES)


@pytest.fixture(scope="module")
def apart() -> Apart:
    return run_script("render_kernels_in_steps.py", timeout=300)


def test_every_case_ran(apart: Apart) -> None:
    assert set(apart) == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_steps_of_torch(apart: Apart, case: str) -> None:
    shapes, difference, largest = apart[case]
    assert shapes
    assert math.isfinite(largest)
    assert largest > 0.1
    assert difference < 2e-3
