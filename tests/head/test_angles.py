"""Yaw, pitch and roll: their signs, their order, and what they are relative to."""

import pytest
import torch
from torch import Tensor

from kinograph.engines.geometry import rotations
from kinograph.engines.head.angles import angles, relative_to_ray

X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def about(axis: tuple[float, float, float], degrees: float) -> Tensor:
    vector = torch.tensor(axis) * torch.deg2rad(torch.tensor(degrees))
    return rotations.to_matrices(rotations.exp_map(vector))


@pytest.mark.parametrize(
    ("axis", "turn", "expected"),
    [
        (Y, 30.0, (30, 0, 0)),
        (X, 20.0, (0, 20, 0)),
        (Z, 10.0, (0, 0, 10)),
        (Y, -170.0, (-170, 0, 0)),
    ],
)
def test_signs(
    axis: tuple[float, float, float], turn: float, expected: tuple[float, float, float]
) -> None:
    """Yaw turns the nose to the right of the picture, pitch down, roll counter-clockwise."""
    assert angles(about(axis, turn)).tolist() == pytest.approx(expected, abs=1e-4)
    nose = about(axis, turn) @ torch.tensor(Z)
    if axis == X:
        assert float(nose[1]) < 0
    if axis == Y and turn > 0:
        assert float(nose[0]) > 0


def test_order() -> None:
    made = about(Y, 40) @ about(X, -25) @ about(Z, 15)
    assert angles(made[None, None])[0, 0].tolist() == pytest.approx((40, -25, 15), abs=1e-4)


def test_straight_down() -> None:
    assert angles(about(X, 90.0))[1] == pytest.approx(90, abs=0.05)
    assert bool(angles(about(X, 90.0)).isfinite().all())


def test_who_looks_into_the_lens_is_turned_in_the_cameras_axes_only() -> None:
    translation = torch.tensor([20.0, 10.0, -50.0])
    yaw = torch.rad2deg(torch.atan2(translation[0], -translation[2]))
    pitch = torch.rad2deg(torch.atan2(translation[1], translation[::2].norm()))
    matrix = about(Y, -float(yaw)) @ about(X, float(pitch))
    found = angles(matrix)
    assert found.tolist() == pytest.approx((-21.8, 10.5, 0), abs=0.1)
    assert relative_to_ray(matrix, translation).allclose(torch.eye(3), atol=1e-6)
    more = matrix @ about(Z, 12)
    assert angles(relative_to_ray(more, translation)).tolist() == pytest.approx(
        (0, 0, 12), abs=1e-4
    )


def test_empty_places_have_no_angles() -> None:
    empty = relative_to_ray(torch.zeros(2, 3, 3, 3), torch.zeros(2, 3, 3))
    assert not bool(empty.any())
    assert not bool(angles(empty).any())
