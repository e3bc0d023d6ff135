"""The GPU kernels of upscalers against steps of torch, in triton's interpreter on the CPU."""

import math
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from interpreted import Apart, run_script
from kinograph.engines.upscale import kernels
from kinograph.engines.upscale.families.realesr_compact import Compact

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")

CASES = ("compact-4", "compact-3", "compact-2", "compact-wide", "compact-high", "rrdb-4", "rrdb-2")


@pytest.fixture(scope="module")
def apart() -> Apart:
    return run_script("upscale_kernels_in_steps.py", timeout=600)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_steps_of_torch(apart: Apart, case: str) -> None:
    """Both round to 16 bits, at different places."""
    shapes, difference, largest = apart[case]
    assert shapes
    assert math.isfinite(largest)
    assert largest > 0.1
    assert difference < 4e-3


def test_the_order_of_the_weights() -> None:
    layer = nn.Conv2d(3, 64, 3)
    table = kernels.table(layer)
    assert table.shape == (32, 64)
    assert float(table[2 * 9 + 1 * 3 + 2, 40]) == layer.weight[40, 2, 2, 1].item()
    assert not bool(table[27:].any())


def test_the_order_of_the_last_weights() -> None:
    layer = nn.Conv2d(64, 27, 3)
    table, bias = kernels.last_table(layer, 3)
    assert table.shape == (9 * 64, 64)
    assert bias.shape == (64,)
    output = (2 * 3 + 1) * 3 + 2  # blue, the second line, the third pixel
    place = (2 * 3 + 1) * 4 + 2
    assert float(table[(1 * 3 + 2) * 64 + 7, place]) == layer.weight[output, 7, 1, 2].item()
    assert float(bias[place]) == layer.bias[output].item()
    assert not bool(table[:, 3::4].any())
    assert not bool(table[:, 36:].any())


@pytest.mark.parametrize(
    ("height", "columns", "tables"),
    [(464, 52, 1), (720, 80, 1), (540, 45, 3), (1, 1, 1), (17, 3, 2)],
)
def test_programs_share_the_rows_evenly(height: int, columns: int, tables: int) -> None:
    from kinograph.engines.upscale import kernels_triton

    at_once = 264 // tables
    grid, rows, tall = kernels_triton._grid(264, height, columns, tables)
    assert grid[1] == tables
    assert grid[0] * rows >= tall * columns
    assert tall >= height
    assert (rows + 2) % 3 == 0  # whole steps
    rounds = math.ceil(grid[0] / at_once)
    assert rounds * (rows + 2) <= height * columns / at_once + 10


def test_where_they_run() -> None:
    assert not kernels.usable(torch.zeros(1, 3, 4, 4).half())  # no GPU
    assert Compact(64, 1, 4).plain is False
    assert Compact(64, 1, 4, plain=True).plain
    assert Compact(24, 1, 4).plain  # no kernel for 24 channels
