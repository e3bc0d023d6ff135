"""The mannequin, posed: kinematics and skinning against joints that are turned one by one."""

import pytest
import torch
from torch import Tensor

from kinograph.engines.body import skinning
from kinograph.engines.body.kinematics import pose_joints
from kinograph.engines.body.rig import mannequin
from kinograph.engines.body.skinning import skin
from kinograph.engines.errors import InputError
from kinograph.engines.geometry import rotations

RIG = mannequin()
JOINTS = len(RIG.joints)


def turned(count: int, angle: float = 0.6) -> Tensor:
    """Rotations [count,J,3,3] by up to about `angle` rad."""
    generator = torch.Generator().manual_seed(3)
    vectors = torch.randn(count, JOINTS, 3, generator=generator) * angle / 2
    return rotations.to_matrices(rotations.exp_map(vectors))


def at_rest(count: int) -> Tensor:
    return torch.eye(3).expand(count, JOINTS, 3, 3)


def by_hand(rotation: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
    """One body, joint by joint and influence by influence, in float64."""
    rotation, rest = rotation.double(), RIG.rest.double()
    turns, places = [rotation[0]], [translation.double()]
    for joint, parent in list(enumerate(RIG.parents.tolist()))[1:]:
        turns.append(turns[parent] @ rotation[joint])
        places.append(places[parent] + turns[parent] @ (rest[joint] - rest[parent]))
    vertices = torch.zeros_like(RIG.template, dtype=torch.float64)
    for number in range(4):
        joint = RIG.skin_index[:, number]
        arm = RIG.template.double() - rest[joint]
        moved = torch.stack(places)[joint] + (torch.stack(turns)[joint] @ arm[..., None])[..., 0]
        vertices += RIG.skin_weight[:, number, None].double() * moved
    return vertices, torch.stack(places)


def test_the_mannequin() -> None:
    assert (JOINTS, RIG.joints[0], RIG.shapes[-1]) == (52, "pelvis", "size")
    size = RIG.template.amax(0) - RIG.template.amin(0)
    assert size.tolist() == pytest.approx([1.05, 1.664, 0.435], abs=0.005)  # m
    assert torch.allclose(RIG.weights.sum(1), torch.ones(len(RIG.template)))
    left, right = RIG.rest[RIG.index("hand_l")], RIG.rest[RIG.index("hand_r")]
    assert left[0] > 0  # x is the body's left
    assert torch.allclose(left, right * torch.tensor([-1.0, 1, 1]), atol=1e-6)
    # The surface is closed but for small openings, and its triangles face outward.
    a, b, c = RIG.template[RIG.triangles].unbind(1)
    volume = (a * torch.linalg.cross(b, c)).sum() / 6
    assert float(volume) == pytest.approx(0.062, abs=0.002)  # m³


def test_rest_is_the_template() -> None:
    posed = skin(RIG, at_rest(2), RIG.rest[:1].expand(2, 3))
    assert torch.allclose(posed.vertices, RIG.template.expand(2, -1, -1), atol=2e-7)
    assert torch.allclose(posed.joints, RIG.rest.expand(2, -1, -1), atol=2e-7)


def test_as_turned_by_hand() -> None:
    rotation, translation = turned(3), torch.tensor([[0.0, 0, -3], [1, 2, -5], [0.1, 0, -9]])
    posed = skin(RIG, rotation, translation)
    for number in range(3):
        vertices, joints = by_hand(rotation[number], translation[number])
        assert (posed.vertices[number] - vertices).abs().max() < 5e-6  # m
        assert (posed.joints[number] - joints).abs().max() < 5e-6


def test_batches_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rotation, translation = turned(5), torch.rand(5, 3)
    shape = torch.rand(5, len(RIG.shapes)) * 0.3
    whole = skin(RIG, rotation, translation, shape)
    monkeypatch.setattr(skinning, "_BATCH_BYTES", 2 * 84 * len(RIG.template))
    parts = skin(RIG, rotation, translation, shape)
    assert torch.allclose(whole.vertices, parts.vertices, atol=1e-6)
    assert skin(RIG, rotation[:0], translation[:0]).vertices.shape == (0, len(RIG.template), 3)


def test_shapes() -> None:
    shape = torch.zeros(3, len(RIG.shapes))
    shape[1, RIG.shapes.index("size")] = 0.1
    shape[2, RIG.shapes.index("tall")] = 1.0
    posed = skin(RIG, at_rest(3), RIG.rest[:1].expand(3, 3), shape)
    high = (posed.vertices.amax(1) - posed.vertices.amin(1))[:, 1]
    assert float(high[1] / high[0]) == pytest.approx(1.1, abs=1e-5)
    assert float(high[2]) > 1.8
    # Bones stay as long as the shape makes them, however they are turned.
    lengths = []
    for rotation in (at_rest(3), turned(3)):
        joints = pose_joints(RIG, rotation, torch.zeros(3, 3), shape).position
        lengths.append((joints[:, 1:] - joints[:, RIG.parents[1:]]).norm(dim=-1))
    assert torch.allclose(*lengths, atol=1e-6)


@pytest.mark.parametrize(
    ("rotation", "translation", "shape", "message"),
    [
        ((1, 24, 3, 3), (1, 3), None, r"rotation: expected the shape \[bodies,52,3,3\]"),
        ((2, 52, 3, 3), (1, 3), None, r"translation: expected the shape \[2,3\]"),
        ((1, 52, 3, 3), (1, 3), (1, 9), r"shape: expected the shape \[1,10\], found \[1, 9\]"),
    ],
)
def test_what_does_not_fit_the_rig(
    rotation: tuple[int, ...],
    translation: tuple[int, ...],
    shape: tuple[int, ...] | None,
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        skin(
            RIG,
            torch.zeros(rotation),
            torch.zeros(translation),
            None if shape is None else torch.zeros(shape),
        )


def test_unknown_joints_are_named() -> None:
    with pytest.raises(InputError, match="mannequin: no joint 'tail'; it has pelvis, thigh_l"):
        RIG.index("tail")
