"""Inverse kinematics on poses of the mannequin that are known."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.ik.chain import Chain, chain_of, mannequin_chain
from kinograph.engines.body.ik.solve import Solved, solve
from kinograph.engines.body.kinematics import pose_joints
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import InputError
from kinograph.engines.geometry import rotations

RIG, CHAIN = mannequin(), mannequin_chain()
MOST = 0.6  # rad, standard deviation of the turns of bones


def turned(count: int, seed: int = 0) -> Tensor:
    """Rotations [count,B,3,3] within the limits of the joints; bodies face anywhere."""
    generator = torch.Generator().manual_seed(seed)
    about = torch.randn(count, len(CHAIN.bones), 3, generator=generator)
    about = about * CHAIN.spread.clamp(max=MOST)
    about[:, 0] = torch.randn(count, 3, generator=generator)
    low, high = CHAIN.limits.unbind(-1)
    vectors = (CHAIN.axes.mT @ about.clamp(low, high)[..., None])[..., 0]
    return rotations.turn_by(vectors)


def joints_of(chain: Chain, rotation: Tensor, pelvis: Tensor) -> tuple[Tensor, Tensor]:
    """Return where bones begin [N,B,3] and points lie [N,M,3], by the kinematics of the rig."""
    whole = torch.eye(3).repeat(len(rotation), len(RIG.joints), 1, 1)
    whole[:, chain.joints] = rotation
    posed = pose_joints(RIG, whole, pelvis)
    bone = chain.joints[chain.bone]
    arms = (posed.rotation[:, bone] @ chain.offset[..., None])[..., 0]
    return posed.position[:, chain.joints], posed.position[:, bone] + arms


def apart(one: Tensor, other: Tensor) -> Tensor:
    """Return the distances [N,K] of points in mm."""
    return (one - other).norm(dim=-1) * 1000


def solved(points: Tensor, weights: Tensor | None = None, **settings: float) -> Solved:
    weights = torch.ones(points.shape[:2]) if weights is None else weights
    return solve(CHAIN, RIG, points, weights, **settings)  # type: ignore[arg-type]


def test_the_chain() -> None:
    assert (len(CHAIN.bones), len(CHAIN.points)) == (20, 25)
    assert CHAIN.parents[0] == -1
    moved = {CHAIN.bones[b] for b in CHAIN.moves[:, CHAIN.point("left_wrist")].nonzero()[:, 0]}
    arm = {"clavicle_l", "upperarm_l", "lowerarm_l", "hand_l"}
    assert moved == {"pelvis", "spine_01", "spine_02", "spine_03", *arm}
    axes = CHAIN.axes @ CHAIN.axes.mT
    assert torch.allclose(axes, torch.eye(3).expand_as(axes), atol=1e-5)
    # Knees flex backwards and elbows forwards, about the same axis on both sides.
    flex = {bone: CHAIN.axes[place, 1] for place, bone in enumerate(CHAIN.bones)}
    assert flex["calf_l"][0] > 0.9
    assert torch.allclose(flex["calf_l"], flex["calf_r"] * torch.tensor([1.0, -1, -1]), atol=1e-5)
    upright = torch.linalg.cross(flex["lowerarm_l"], torch.tensor([0.0, -1, 0]))
    assert upright[2] > 0  # a forearm that hangs down moves to the front


def test_points_of_a_pose_are_reached() -> None:
    rotation = turned(64)
    joints, points = joints_of(CHAIN, rotation, torch.randn(64, 3))
    found = solved(points, noise=0.003, steps=10)
    assert apart(found.points, points).mean() < 0.6
    assert apart(found.points, points).mean(1).quantile(0.95) < 1.5
    assert found.residual.max() < 0.01
    ours, again = joints_of(CHAIN, found.rotation, found.pelvis)
    assert torch.allclose(again, found.points, atol=1e-5)  # its kinematics are those of the rig
    # Joints that no point shows, of the spine, lie near where they are.
    limbs = ("upperarm", "lowerarm", "thigh", "calf")
    shown = [place for place, bone in enumerate(CHAIN.bones) if bone.startswith(limbs)]
    assert apart(ours, joints)[:, shown].mean() < 0.7
    assert apart(ours, joints).mean() < 8


def test_every_step_is_nearer() -> None:
    _, points = joints_of(CHAIN, turned(32, 1), torch.zeros(32, 3))
    noisy = points + torch.randn(points.shape, generator=torch.Generator().manual_seed(2)) * 0.03
    left = [float(solved(noisy, steps=steps).residual.mean()) for steps in (0, 1, 2, 4, 12)]
    assert left == sorted(left, reverse=True)
    assert left[0] > 1.4 * left[3]
    assert left[3] < 1.02 * left[4]  # four steps are enough


def test_bodies_may_face_anywhere() -> None:
    _, points = joints_of(CHAIN, turned(8, 3), torch.zeros(8, 3))
    about = rotations.turn_by(torch.tensor([0.4, 2.9, -1.0]))
    there, here = solved(points @ about.mT), solved(points)
    assert torch.allclose(there.rotation[:, 1:], here.rotation[:, 1:], atol=2e-2)
    assert torch.allclose(there.points, here.points @ about.mT, atol=2e-3)


def test_forearms_and_knees_stay_within_their_limits() -> None:
    rotation = torch.eye(3).repeat(3, len(CHAIN.bones), 1, 1)
    forearm, calf = CHAIN.bones.index("lowerarm_l"), CHAIN.bones.index("calf_r")
    rotation[0, forearm] = rotations.turn_by(CHAIN.axes[forearm, 0] * 2.6)  # twisted round
    rotation[1, calf] = rotations.turn_by(CHAIN.axes[calf, 1] * -0.6)  # bent to the front
    rotation[2, calf] = rotations.turn_by(CHAIN.axes[calf, 2] * 0.5)  # bent sideways
    _, points = joints_of(CHAIN, rotation, torch.zeros(3, 3))
    low, high = CHAIN.limits.unbind(-1)

    def about(limits: Tensor) -> Tensor:
        chain = replace(CHAIN, limits=limits)
        found = solve(chain, RIG, points, torch.ones(points.shape[:2]), steps=20)
        return (CHAIN.axes @ rotations.turn_of(found.rotation)[..., None])[..., 0]

    limited, free = about(CHAIN.limits), about(CHAIN.limits * 10)
    assert (limited - limited.clamp(low, high)).abs().max() < 0.12
    assert free[1, calf, 1] < limited[1, calf, 1] - 0.1
    assert free[0, forearm, 0] >= limited[0, forearm, 0] - 1e-3
    # What the knee does not do the leg does: the foot is still near where it was.
    foot = CHAIN.point("right_ankle")
    assert apart(solved(points, steps=20).points, points)[1:, foot].max() < 60


def test_a_wrong_point_hardly_moves_the_others() -> None:
    _, points = joints_of(CHAIN, turned(8, 4), torch.zeros(8, 3))
    wrong = points.clone()
    wrist = CHAIN.point("left_wrist")
    wrong[:, wrist] += torch.tensor([0.5, 0.4, 0.3])
    others = [n for n in range(len(CHAIN.points)) if n != wrist]
    right, found = solved(points, steps=8), solved(wrong, steps=8)
    assert apart(found.points, right.points)[:, others].mean() < 25  # it is 700 mm off


def test_points_without_weight_do_not_count() -> None:
    _, points = joints_of(CHAIN, turned(4, 5), torch.zeros(4, 3))
    weights = torch.ones(points.shape[:2])
    hidden = [CHAIN.point(f"right_{name}") for name in ("index", "pinky", "thumb", "heel")]
    weights[:, hidden] = 0
    moved = points.clone()
    moved[:, hidden] += 0.02
    one, other = solved(points, weights, steps=8), solved(moved, weights, steps=8)
    shown = weights[0] > 0
    assert apart(one.points, other.points)[:, shown].mean() < 2


def test_a_body_does_not_depend_on_the_others() -> None:
    generator = torch.Generator().manual_seed(6)
    _, points = joints_of(CHAIN, turned(37, 6), torch.zeros(37, 3))
    points = points + torch.randn(points.shape, generator=generator) * 0.05
    weights = torch.rand(points.shape[:2], generator=generator)
    whole = solved(points, weights)
    for cut in (1, 16, 20):
        parts = [
            solved(points[i : i + cut], weights[i : i + cut]).rotation for i in range(0, 37, cut)
        ]
        assert torch.equal(torch.cat(parts), whole.rotation)


@pytest.mark.parametrize("points", [torch.zeros(2, 25, 3), torch.ones(2, 25, 3) * 50])
def test_points_that_are_no_body_have_an_answer(points: Tensor) -> None:
    for weights in (torch.ones(2, 25), torch.zeros(2, 25)):
        found = solved(points, weights)
        assert found.rotation.isfinite().all()
        assert found.pelvis.isfinite().all()
        assert torch.allclose(torch.linalg.det(found.rotation), torch.ones(2, 20), atol=1e-4)


def test_nobody() -> None:
    found = solved(torch.zeros(0, 25, 3))
    assert found.rotation.shape == (0, 20, 3, 3)


def test_other_rigs_are_refused() -> None:
    names = tuple("toe" if name == "foot_l" else name for name in RIG.joints)
    with pytest.raises(InputError, match="no joint 'foot_l'"):
        chain_of(replace(RIG, joints=names))
    parents = RIG.parents.clone()
    parents[RIG.index("upperarm_l")] = RIG.index("ball_r")
    with pytest.raises(InputError, match="expected the mannequin's skeleton"):
        chain_of(replace(RIG, parents=parents))
