"""Heads by nose, eyes and ears, of known rotations and in the shipped clip."""

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.geometry.rotations import geodesic, turn_by
from kinograph.engines.head.angles import angles
from kinograph.engines.head.canonical import canonical_face
from kinograph.engines.head.detect import detect_heads
from kinograph.engines.head.joint_poses import _JOINTS, heads_of_joints, landmarks_of
from kinograph.engines.head.pose import fit_heads
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.poses import Poses
from kinograph.engines.runtime.engine import Engine
from kinograph.engines.video.clip import Clip

CAMERA = Camera.of_field_of_view((464, 832), 43.0)
MODEL = torch.tensor(list(_JOINTS.values()))
YAWS = torch.tensor([0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5])


def appearing(rotation: Tensor, translation: Tensor) -> Tensor:
    """Return where the joints of heads appear [N,5,2] px."""
    x, y, z = (MODEL @ rotation.mT + translation[:, None]).unbind(-1)
    return torch.stack([CAMERA.cx - CAMERA.fx * x / z, CAMERA.cy + CAMERA.fy * y / z], -1)


def heads(pitch: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return heads of many yaws, 16 px high, side by side."""
    zero = torch.zeros_like(YAWS)
    rotation = turn_by(torch.stack([zero, YAWS, zero], -1))
    rotation = rotation @ turn_by(torch.tensor([pitch, 0.0, 0.0]))
    depth = 20 * float(CAMERA.fy[0]) / 16
    place = torch.stack([torch.linspace(-300, 300, len(YAWS)), zero + 50, zero - depth], -1)
    return rotation, place


def seen_from(yaws: Tensor) -> Tensor:
    """Return how sure joints are [N,5] when those of the far side are not seen."""
    sure = torch.full((len(yaws), 5), 0.8)
    sure[:, 3] *= yaws > -0.8
    sure[:, 4] *= yaws < 0.8
    return sure


@pytest.mark.parametrize("pitch", [0.0, 0.2, -0.2])
def test_known_rotations(pitch: float) -> None:
    rotation, place = heads(pitch)
    frame = torch.zeros(len(YAWS), dtype=torch.int64)
    found = heads_of_joints(appearing(rotation, place), seen_from(YAWS), CAMERA, frame)
    assert found.right.all()
    assert found.score.tolist() == pytest.approx([0.8] * len(YAWS))
    assert geodesic(found.rotation, rotation).rad2deg().max() < 12  # held upright more or less
    assert geodesic(found.rotation, rotation).rad2deg().mean() < 5
    assert ((found.translation - place).norm(dim=1) < 0.1 * place[:, 2].abs()).all()
    # A px off, of 16, the side that a head turns to is still right.
    noise = torch.randn(len(YAWS), 5, 2, generator=torch.Generator().manual_seed(0))
    noisy = heads_of_joints(
        appearing(rotation, place) + 0.7 * noise, seen_from(YAWS), CAMERA, frame
    )
    off = (angles(noisy.rotation)[:, 0] - angles(rotation)[:, 0]).abs()
    assert off.mean() < 20
    assert off.max() < 45


def test_what_is_no_head() -> None:
    rotation, place = heads()
    joints, frame = appearing(rotation, place), torch.zeros(len(YAWS), dtype=torch.int64)
    sure = torch.ones(len(YAWS), 5)
    two = sure * torch.tensor([0.0, 1, 0, 1, 0])
    assert not heads_of_joints(joints, two, CAMERA, frame).right.any()
    apart = joints.clone()
    apart[:, 3, 1] += 40  # an ear at the hip
    apart[:, 4, 1] -= 40
    assert not heads_of_joints(apart, sure, CAMERA, frame).right.any()
    nobody = heads_of_joints(joints[:0], sure[:0], CAMERA, frame[:0])
    assert nobody.rotation.shape == (0, 3, 3)
    # Who is seen does not depend on who else is.
    alone = heads_of_joints(joints[2:3], sure[2:3], CAMERA, frame[:1])
    both = heads_of_joints(joints, sure, CAMERA, frame)
    assert torch.allclose(alone.rotation[0], both.rotation[2], atol=1e-5)


def test_landmarks_are_those_of_the_pose() -> None:
    rotation, place = heads(0.1)
    frame = torch.zeros(len(YAWS), dtype=torch.int64)
    points = landmarks_of(rotation, place, CAMERA, frame)
    assert points.shape == (len(YAWS), len(canonical_face().vertices), 3)
    fit = fit_heads(points, CAMERA, frame)
    assert geodesic(fit.rotation, rotation).rad2deg().max() < 0.5


def test_heads_of_the_clip(clip: Clip, mesh: Engine, engine: Engine) -> None:
    """The man's head is 17 px high: the network sees his face in a third of the frames."""
    frames = clip.frames[[2, 11, 28]]
    poses = detect_poses(frames, engine, max_people=2, second_pass=True)
    seen = detect_heads(frames, mesh, poses=poses)
    assert seen.count.tolist() == [0, 1, 0]
    every = detect_heads(frames, mesh, poses=poses, from_joints=True)
    assert every.count.tolist() == poses.count.tolist()
    assert torch.equal(every.rotation[1, 0], seen.rotation[1, 0])  # first: its score is higher
    rough = every.present & (every.scores <= 0.5)
    assert int(rough.sum()) == int(every.count.sum()) - 1
    yaw = angles(every.rotation)[..., 0]
    assert yaw[0, 0].abs() < 30  # he faces the camera
    woman = every.present[2] & (every.boxes[2, :, 0] > 450)
    assert -140 < float(yaw[2][woman]) < -60  # she walks to the left
    with pytest.raises(InputError, match="from_joints: expected poses, whose joints it needs"):
        detect_heads(frames, mesh, from_joints=True)
    nobody = Poses.empty(3, poses.canvas)
    assert detect_heads(frames, mesh, poses=nobody, from_joints=True).count.sum() == 0
