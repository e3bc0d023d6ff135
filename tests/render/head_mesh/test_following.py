"""How meshes move with the face."""

import pytest
import torch
from torch import Tensor

from kinograph.engines.head.canonical import canonical_face
from kinograph.engines.render.head_mesh.following import Following
from kinograph.engines.render.head_mesh.heads_found import HeadsFound
from pictured_heads import heads_at

FACE = canonical_face().vertices
UNDER_LIP = torch.tensor([[0.0, -6.0, 6.0]])


def moved(kind: str, vertices: Tensor, displacement: Tensor) -> Tensor:
    following = Following.of(vertices, kind)
    return following.moved(vertices, displacement[None])[0] - vertices


def test_rigid_stays() -> None:
    assert Following.of(FACE, "rigid").is_rigid


@pytest.mark.parametrize("kind", ["low_frequency", "full"])
def test_a_shift_of_the_face_shifts_all(kind: str) -> None:
    far = torch.tensor([[0.0, 30.0, -40.0]])  # a feather
    shift = torch.tensor([0.3, -0.2, 0.1])
    found = moved(kind, torch.cat([FACE, far]), shift.expand(468, 3))
    torch.testing.assert_close(found, shift.expand(469, 3), atol=0.02, rtol=0)


def test_a_wider_face_is_followed_by_both() -> None:
    wider = FACE * torch.tensor([0.1, 0.0, 0.0])
    cheek = torch.tensor([[6.0, -2.0, 2.5]])
    for kind in ("low_frequency", "full"):
        assert moved(kind, cheek, wider)[0].tolist() == pytest.approx([0.6, 0, 0], abs=0.12)


def test_only_full_follows_a_twitch() -> None:
    near = (FACE - torch.tensor([3.0, -3.0, 5.0])).norm(dim=1)
    twitch = torch.zeros(468, 3)
    twitch[near < 2.0] = torch.tensor([0.0, 0.0, 1.0])
    at = FACE[near.argmin()][None]
    assert float(moved("full", at, twitch)[0, 2]) > 0.5
    assert float(moved("low_frequency", at, twitch)[0, 2].abs()) < 0.25


def test_the_jaw_is_followed() -> None:
    part = ((-2.5 - FACE[:, 1]) / 5.5).clamp(0, 1)
    opened = torch.zeros(468, 3)
    opened[:, 1] = -1.5 * part * part * (3 - 2 * part)
    below = moved("low_frequency", UNDER_LIP, opened)[0, 1]
    brow = moved("low_frequency", torch.tensor([[0.0, 5.0, 5.5]]), opened)[0, 1]
    right = -1.5 * (3.5 / 5.5) ** 2 * (3 - 7 / 5.5)
    assert float(below) == pytest.approx(right, abs=0.2)
    assert float(brow.abs()) < 0.15


def test_displacements_are_those_of_the_landmarks() -> None:
    longer = torch.zeros(468, 3)
    longer[:, 1] = FACE[:, 1] * 0.05
    heads = heads_at([(20.0, 10.0)], displacement=longer)
    found = HeadsFound.of(heads)
    assert found.displacements is not None
    # The pose is fitted to a face that is not canonical, and the depth of landmarks is affine.
    torch.testing.assert_close(found.displacements[0], longer, atol=0.4, rtol=0)
    still = HeadsFound.of(heads_at([(20.0, 10.0)])).displacements
    assert still is not None
    assert float(still.abs().mean()) < 0.1


def test_no_landmarks_no_displacements() -> None:
    assert HeadsFound.of(heads_at(points=0)).displacements is None
