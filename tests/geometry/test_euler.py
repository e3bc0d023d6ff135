"""Angles about z, x and y, against SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from kinograph.engines.geometry.euler import as_zxy, without_jumps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_rotation(dtype: torch.dtype) -> None:
    matrices = Rotation.random(500, np.random.default_rng(0)).as_matrix()
    angles = as_zxy(torch.from_numpy(matrices).to(dtype))
    assert float(angles[:, 1].abs().max()) <= math.pi / 2
    back = Rotation.from_euler("ZXY", angles.numpy()).as_matrix()
    np.testing.assert_allclose(back, matrices, atol=1e-6 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("off", [0.0, 1e-9, 1e-7, 1e-5, 1e-3])
@pytest.mark.parametrize("end", [90, -90])
def test_where_the_outer_angles_turn_about_one_axis(off: float, end: float) -> None:
    """In single precision, too, where neither of the two is known but their sum is."""
    given = np.radians([[40, end, 70], [-170, end, 20], [0, end, 0]])
    given[:, 1] += off
    matrices = Rotation.from_euler("ZXY", given).as_matrix()
    angles = as_zxy(torch.from_numpy(matrices).float())
    back = Rotation.from_euler("ZXY", angles.numpy()).as_matrix()
    np.testing.assert_allclose(back, matrices, atol=2e-6)


def test_angles_do_not_jump() -> None:
    wound = torch.linspace(-1000, 1000, 60).double()[:, None].repeat(1, 3)
    wrapped = (wound + 180) % 360 - 180
    whole = without_jumps(wrapped)
    torch.testing.assert_close(whole - whole[0], wound - wound[0])
    parts = [without_jumps(wrapped[:25])]
    parts.append(without_jumps(wrapped[25:], parts[0][-1]))
    torch.testing.assert_close(torch.cat(parts), whole)
