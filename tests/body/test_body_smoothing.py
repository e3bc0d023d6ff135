"""Smoothing of bodies on SO(3): still, turning, not seen, in chunks, across cuts."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.rig import mannequin
from kinograph.engines.body.smoothing import BodySmoother, lag, pose_change
from kinograph.engines.errors import InputError
from kinograph.engines.geometry import rotations
from kinograph.engines.geometry.camera import Camera

FPS, RIG = 15.0, mannequin()
ELBOW = RIG.index("lowerarm_l")


def turning(degrees: float, noise: float = 0.0, frames: int = 40) -> Bodies:
    """One body of track 2 whose elbow turns by so many degrees per frame; noise in rad and m."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(frames, len(RIG.joints), 3, generator=generator) * noise
    vectors[:, ELBOW, 0] += torch.arange(frames) * math.radians(degrees)
    camera = Camera.of_field_of_view((48, 64))
    bodies = Bodies.empty(frames, (48, 64), camera, RIG)
    at = torch.randn(frames, 1, 3, generator=generator) * noise + torch.tensor([0.0, 0, -5])
    return replace(
        bodies,
        rotation=rotations.turn_by(vectors)[:, None],
        translation=at,
        confidence=torch.ones_like(bodies.confidence),
        count=bodies.count + 1,
        track_ids=bodies.track_ids * 0 + 2,
    )


def angles(bodies: Bodies, other: Bodies) -> Tensor:
    """Return by how many degrees the joints of bodies differ [F,J]."""
    between = bodies.rotation[:, 0].mT @ other.rotation[:, 0]
    return rotations.turn_of(between).norm(dim=-1).rad2deg()


def test_still_bodies_are_steadier() -> None:
    noisy = turning(0, 0.03)
    smooth = BodySmoother(fps=FPS).update(noisy)
    assert pose_change(smooth) < 0.5 * pose_change(noisy)
    moved = smooth.translation.diff(dim=0).norm(dim=-1).mean()
    assert moved < 0.6 * noisy.translation.diff(dim=0).norm(dim=-1).mean()
    assert torch.allclose(torch.linalg.det(smooth.rotation), torch.ones(40, 1, 52), atol=1e-5)


def test_turns_are_followed_with_the_lag_that_is_reported() -> None:
    right = turning(4)
    assert pose_change(right) == pytest.approx(4 / len(RIG.joints), rel=1e-3)
    causal = BodySmoother(fps=FPS).update(right)
    behind = angles(causal, right)[20:, ELBOW] / 4  # frames
    found = lag(right, causal)
    assert found == pytest.approx(float(behind.mean()), abs=0.15)
    assert found is not None
    assert 0.3 < found < 1.2
    both = BodySmoother(fps=FPS, direction="both").update(right)
    assert lag(right, both) == pytest.approx(0, abs=0.05)
    quick = BodySmoother(fps=FPS, beta_rotation=10).update(right)
    assert lag(right, quick) < 0.3 * found
    assert lag(turning(0.1), turning(0.1)) is None
    assert lag(right.slice(0, 2), right.slice(0, 2)) is None


def test_turns_through_half_a_circle_take_the_short_way() -> None:
    right = turning(10)  # 400 degrees in all
    smooth = BodySmoother(fps=FPS, beta_rotation=3).update(right)
    assert angles(smooth, right)[:, ELBOW].max() < 12


@pytest.mark.parametrize("cuts", [(1,), (7, 7, 30)])
def test_chunks_are_the_whole(cuts: tuple[int, ...]) -> None:
    bodies = turning(3, 0.02)
    bodies.confidence[10:14] = 0
    whole = BodySmoother(fps=FPS).update(bodies)
    smoother = BodySmoother(fps=FPS)
    parts = [
        smoother.update(bodies.slice(start, stop))
        for start, stop in zip((0, *cuts), (*cuts, 40), strict=True)
    ]
    joined = Bodies.cat(parts)
    assert torch.equal(joined.rotation, whole.rotation)
    assert torch.equal(joined.translation, whole.translation)


def test_a_body_that_is_not_seen_keeps_its_pose() -> None:
    bodies = turning(5)
    bodies.confidence[:3] = 0
    bodies.confidence[10:14] = 0
    smooth = BodySmoother(fps=FPS).update(bodies)
    assert torch.allclose(smooth.rotation[:3], bodies.rotation[:3], atol=1e-6)
    for frame in range(10, 14):
        assert torch.equal(smooth.rotation[frame], smooth.rotation[9])
    assert not torch.equal(smooth.rotation[14], smooth.rotation[9])


def test_nothing_is_smoothed_across_a_cut() -> None:
    bodies = turning(0, 0.05)
    cuts = torch.zeros(40, dtype=torch.bool)
    cuts[20] = True
    smooth = BodySmoother(fps=FPS).update(bodies, cuts)
    assert torch.allclose(smooth.rotation[20], bodies.rotation[20], atol=1e-6)
    with pytest.raises(InputError, match="cuts"):
        BodySmoother().update(bodies, cuts[:3])


def test_bodies_without_a_track_and_nobody_are_unchanged() -> None:
    bodies = turning(5)
    free = replace(bodies, track_ids=bodies.track_ids * 0 - 1)
    assert torch.equal(BodySmoother().update(free).rotation, free.rotation)
    nobody = replace(bodies, count=bodies.count * 0)
    assert torch.equal(BodySmoother().update(nobody).rotation, nobody.rotation)
    assert len(BodySmoother().update(bodies.slice(0, 0))) == 0
    assert pose_change(nobody) == 0


def test_bad_settings() -> None:
    for name in ("fps", "min_cutoff"):
        with pytest.raises(InputError, match=f"{name}: expected more than 0, found 0"):
            BodySmoother(**{name: 0})
    with pytest.raises(InputError, match="beta_rotation: expected at least 0, found -1"):
        BodySmoother(beta_rotation=-1)
    with pytest.raises(InputError, match="direction: expected one of causal, both"):
        BodySmoother(direction="back")
    smoother = BodySmoother()
    smoother.update(turning(1))
    with pytest.raises(InputError, match="expected canvas, rig, joints and shapes"):
        smoother.update(replace(turning(1), rig="other"))
