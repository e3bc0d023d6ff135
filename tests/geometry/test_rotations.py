"""Rotations: matrices, quaternions and rotation vectors are one thing."""

import math

import pytest
import torch
from torch import Tensor

from kinograph.engines.geometry import rotations


def random_quaternions(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(values, dim=-1)


def assert_same_rotation(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(rotations.to_matrices(a), rotations.to_matrices(b))


def test_matrices_are_rotations_and_round_trip() -> None:
    q = random_quaternions(200)
    m = rotations.to_matrices(q)
    eye = torch.eye(3, dtype=torch.float64).expand(200, 3, 3)
    torch.testing.assert_close(m @ m.mT, eye)
    torch.testing.assert_close(torch.linalg.det(m), torch.ones(200, dtype=torch.float64))
    torch.testing.assert_close(rotations.to_quaternions(m), rotations.canonical(q))


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("degrees", [0, 1e-5, 90, 179.9999, 180, -180, 270])
def test_turns_about_an_axis(axis: int, degrees: float) -> None:
    """Half turns, too, where the trace does not tell the axis."""
    vector = torch.zeros(3, dtype=torch.float64)
    vector[axis] = math.radians(degrees)
    q = rotations.exp_map(vector)
    m = rotations.to_matrices(q)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    one, two = (axis + 1) % 3, (axis + 2) % 3
    assert m[one, one].item() == pytest.approx(cosine)
    assert m[two, one].item() == pytest.approx(sine, abs=1e-9)
    assert_same_rotation(rotations.to_quaternions(m), q)


def test_products_turn_one_after_the_other() -> None:
    a, b = random_quaternions(40).chunk(2)
    wanted = rotations.to_matrices(a) @ rotations.to_matrices(b)
    torch.testing.assert_close(rotations.to_matrices(rotations.product(a, b)), wanted)
    nothing = rotations.product(a, rotations.inverse(a))
    torch.testing.assert_close(rotations.log_map(nothing), torch.zeros(20, 3, dtype=torch.float64))


def test_log_and_exp_undo_each_other() -> None:
    q = random_quaternions(100)
    vectors = rotations.log_map(q)
    assert float(vectors.norm(dim=-1).max()) <= math.pi
    assert_same_rotation(rotations.exp_map(vectors), q)
    torch.testing.assert_close(rotations.log_map(-q), vectors)


def test_slerp_goes_the_short_way_at_an_even_speed() -> None:
    start = rotations.exp_map(torch.tensor([0.0, 0.0, math.radians(170)]))
    end = -rotations.exp_map(torch.tensor([0.0, 0.0, math.radians(-170)]))
    for part in (0.0, 0.25, 0.5, 1.0):
        turned = rotations.slerp(start, end, torch.tensor([part]))
        angle = math.radians(170 + 20 * part)
        wanted = rotations.exp_map(torch.tensor([0.0, 0.0, angle]))
        assert_same_rotation(turned, wanted)


def test_which_matrices_are_rotations() -> None:
    whole = rotations.to_matrices(random_quaternions(20)).float()
    assert rotations.are_rotations(whole).all()
    assert rotations.are_rotations(whole + 1e-3).all()
    for wrong in (whole * 1.02, -whole, whole.flip(-1), whole * 0, whole * math.nan):
        assert not rotations.are_rotations(wrong).any()


def test_the_shortest_turn_from_one_direction_to_another() -> None:
    start = torch.nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64), dim=-1)
    end = torch.nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64), dim=-1)
    end[:2] = -start[:2]  # opposite
    end[2] = start[2]
    turn = rotations.shortest(start, end)
    turned = (rotations.to_matrices(turn) @ start[..., None])[..., 0]
    torch.testing.assert_close(turned, end)
    angle = rotations.log_map(turn).norm(dim=-1)
    torch.testing.assert_close(angle.cos(), (start * end).sum(-1))


def test_turns_as_matrices_and_back() -> None:
    vectors = torch.tensor([[0.0, 0, 0], [0.3, -1.2, 0.4], [0, 3.1, 0]])
    torch.testing.assert_close(rotations.turn_of(rotations.turn_by(vectors)), vectors)
    ahead = rotations.turn_by(torch.tensor([0.0, math.pi / 2, 0])) @ torch.tensor([0.0, 0, 1])
    torch.testing.assert_close(ahead, torch.tensor([1.0, 0, 0]), atol=1e-6, rtol=0)
