"""One-Euro filtering of vectors and of rotations."""

import math

import pytest
import torch
from torch import Tensor

from kinograph.engines.geometry import rotations
from kinograph.engines.tracking.one_euro import Memory, OneEuro
from kinograph.engines.tracking.spaces import ROTATIONS


def smooth_rotations(
    matrices: Tensor,
    seen: Tensor,
    *,
    fps: float,
    min_cutoff: float = 1.0,
    beta: float = 1.0,
    memory: Memory | None = None,
) -> tuple[Tensor, Memory]:
    """Smooth rotation matrices [F,...,3,3] of successive frames."""
    quaternions = rotations.to_quaternions(matrices.float())
    like = quaternions.new_zeros(quaternions.shape[1:])
    known = Memory.empty(like, ROTATIONS) if memory is None else memory
    smooth, known = OneEuro(fps, min_cutoff, beta, ROTATIONS).run(quaternions, seen, known)
    return rotations.to_matrices(smooth).to(matrices.dtype), known


def turning(degrees: Tensor, noise: float = 0.0) -> Tensor:
    """[F,3,3] rotations about y, with noise in degrees about every axis."""
    vectors = torch.zeros(len(degrees), 3)
    vectors[:, 1] = torch.deg2rad(degrees)
    generator = torch.Generator().manual_seed(0)
    shake = torch.deg2rad(torch.randn(len(degrees), 3, generator=generator) * noise)
    q = rotations.product(rotations.exp_map(vectors), rotations.exp_map(shake))
    return rotations.to_matrices(q)


def angles(a: Tensor, b: Tensor) -> Tensor:
    """[F] degrees between rotations."""
    q = rotations.to_quaternions(a.double()), rotations.to_quaternions(b.double())
    return torch.rad2deg(rotations.between(*q).norm(dim=-1))


def steps(matrices: Tensor) -> Tensor:
    return angles(matrices[:-1], matrices[1:])


def always(matrices: Tensor) -> Tensor:
    return torch.ones(matrices.shape[:-2], dtype=torch.bool)


@pytest.mark.parametrize("degrees", [0.0, 37.0, 180.0, -180.0])
def test_a_constant_rotation_stays(degrees: float) -> None:
    matrices = turning(torch.full((30,), degrees))
    smooth, _ = smooth_rotations(matrices, always(matrices), fps=30)
    torch.testing.assert_close(smooth, matrices, atol=1e-5, rtol=0)


@pytest.mark.parametrize("degrees", [0.0, 180.0])
def test_noise_is_smoothed(degrees: float) -> None:
    still = turning(torch.full((90,), degrees))
    noisy = turning(torch.full((90,), degrees), noise=3.0)
    smooth, _ = smooth_rotations(noisy, always(noisy), fps=30, min_cutoff=0.5, beta=0.05)
    assert float(steps(smooth).mean()) < 0.2 * float(steps(noisy).mean())
    assert float(angles(smooth, still)[20:].mean()) < 0.5 * float(angles(noisy, still).mean())
    torch.testing.assert_close(smooth @ smooth.mT, torch.eye(3).expand(90, 3, 3))


def test_a_half_turn_is_crossed_continuously() -> None:
    degrees = torch.arange(150, 211, 2.0)  # 180 becomes -180
    matrices = turning(degrees)
    smooth, _ = smooth_rotations(matrices, always(matrices), fps=30, beta=5.0)
    assert float(steps(smooth).max()) < 3
    assert float(angles(smooth, matrices).max()) < 6  # it lags, but never leaps


def test_both_signs_of_a_quaternion_are_one_rotation() -> None:
    q = rotations.to_quaternions(turning(torch.linspace(0, 300, 40), noise=2.0))
    sign = torch.where(torch.arange(40) % 3 == 0, -1.0, 1.0)[:, None]
    seen = torch.ones(40, dtype=torch.bool)
    start = Memory.empty(q[0], ROTATIONS)
    one, other = (OneEuro(30, space=ROTATIONS).run(v, seen, start)[0] for v in (q, q * sign))
    torch.testing.assert_close(
        rotations.to_matrices(one), rotations.to_matrices(other), atol=1e-5, rtol=0
    )


def test_rotations_that_move_fast_are_followed() -> None:
    matrices = turning(torch.arange(0, 300, 10.0))
    slow, _ = smooth_rotations(matrices, always(matrices), fps=30, beta=0.0)
    fast, _ = smooth_rotations(matrices, always(matrices), fps=30, beta=20.0)
    assert float(angles(fast, matrices)[5:].max()) < 3 < float(angles(slow, matrices)[5:].min())


def test_chunks_of_rotations_are_smoothed_as_the_whole() -> None:
    noisy = turning(torch.linspace(90, 270, 40), noise=2.0)[:, None].expand(40, 2, 3, 3)
    seen = torch.rand(40, 2, generator=torch.Generator().manual_seed(1)) > 0.2
    whole, _ = smooth_rotations(noisy, seen, fps=25)
    memory, parts = None, []
    for chunk, there in zip(noisy.split(7), seen.split(7), strict=True):
        part, memory = smooth_rotations(chunk, there, fps=25, memory=memory)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts), whole)


def test_a_value_restarts_after_half_a_second() -> None:
    values = torch.cat([torch.zeros(10, 1, 3), torch.full((40, 1, 3), 100.0)])
    seen = torch.ones(50, 1, dtype=torch.bool)
    seen[10:30] = False
    smooth, memory = OneEuro(30).run(values, seen, Memory.empty(values[0]))
    assert torch.equal(smooth[30], values[30])
    assert torch.equal(smooth[29], values[9])  # what is not seen keeps its last value
    assert OneEuro(30).is_remembered(memory).tolist() == [True]


def test_the_unit_of_speed_makes_sizes_equal() -> None:
    values = torch.randn(30, 1, 5, generator=torch.Generator().manual_seed(2)).cumsum(0)
    seen, unit = torch.ones(30, 1, dtype=torch.bool), torch.full((30, 1), 2.0)
    one_euro = OneEuro(24, beta=3.0)
    one, _ = one_euro.run(values, seen, Memory.empty(values[0]), unit=unit)
    ten, _ = one_euro.run(10 * values, seen, Memory.empty(values[0]), unit=10 * unit)
    torch.testing.assert_close(10 * one, ten)
    plain, _ = one_euro.run(values / 2, seen, Memory.empty(values[0]))
    torch.testing.assert_close(plain, one / 2)


def test_the_empty_clip() -> None:
    none, memory = smooth_rotations(torch.zeros(0, 4, 3, 3), torch.zeros(0, 4) > 0, fps=16)
    assert none.shape == (0, 4, 3, 3)
    assert bool((memory.gone == math.inf).all())
