"""Smoothing heads on SO(3), and how steadiness and lag are measured."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.geometry import rotations
from kinograph.engines.head.heads import Heads
from kinograph.engines.head.smoothing import HeadSmoother
from kinograph.engines.head.steadiness import lag, steadiness
from posed_heads import made_heads, turned

FPS = 24.0


def clip(yaw: Tensor, noise: float = 0.0, **more: object) -> Heads:
    """Return a head with a yaw [F] in degrees, and noise in degrees about every axis."""
    made = torch.Generator().manual_seed(0)
    turns = torch.stack([turned(float(angle), 5.0) for angle in yaw])
    shake = rotations.exp_map(torch.deg2rad(torch.randn(len(yaw), 3, generator=made) * noise))
    shaken = rotations.to_matrices(rotations.product(rotations.to_quaternions(turns), shake))
    at = torch.tensor([0.0, 0, -60]) + torch.randn(len(yaw), 3, generator=made) * noise * 0.3
    return made_heads(shaken[:, None], at[:, None], size=(240, 320), **more)  # type: ignore[arg-type]


def apart(one: Heads, other: Heads) -> Tensor:
    """Return degrees [F] between the heads of two clips."""
    q = (rotations.to_quaternions(heads.rotation[:, 0]) for heads in (one, other))
    return torch.rad2deg(rotations.between(*q).norm(dim=-1))


def swinging(frames: int = 72) -> Tensor:
    return 40 * torch.sin(2 * math.pi * torch.arange(frames) / 48)  # 0.5 Hz


@pytest.mark.parametrize("direction", ["causal", "both"])
def test_a_head_at_rest(direction: str) -> None:
    noisy, still = clip(torch.zeros(60), 0.6), clip(torch.zeros(60))
    smooth = HeadSmoother(FPS, direction=direction).update(noisy)
    (_, jitter), (_, left) = steadiness(noisy), steadiness(smooth)
    assert left < 0.25 * jitter
    assert float(apart(smooth, still)[12:].mean()) < 0.5 * float(apart(noisy, still)[12:].mean())
    for name in ("translation", "landmarks", "boxes"):
        before, after, right = (getattr(heads, name)[12:] for heads in (noisy, smooth, still))
        assert float((after - right).abs().mean()) < 0.6 * float((before - right).abs().mean()), (
            name
        )
    assert smooth.rotation.mT.matmul(smooth.rotation).allclose(torch.eye(3), atol=1e-5)
    assert smooth.scores.equal(noisy.scores)


def test_a_turning_head_lags_only_causally() -> None:
    noisy, true = clip(swinging(), 0.6), clip(swinging())
    for direction, least, most, error in (("causal", 0.3, 1.5, 2.2), ("both", -0.1, 0.1, 0.9)):
        smooth = HeadSmoother(FPS, direction=direction).update(noisy)
        late = lag(noisy, smooth)
        assert late is not None
        assert least < late < most
        assert float(apart(smooth, true).mean()) < error
        assert steadiness(smooth)[1] < 0.7 * steadiness(noisy)[1]


def test_a_lag_is_measured_rightly() -> None:
    heads = clip(swinging())
    even = clip(torch.arange(30) * 2.0)
    assert lag(even.slice(3, 30), even.slice(0, 27)) == pytest.approx(3, abs=0.01)
    assert lag(heads.slice(1, 72), heads.slice(0, 71)) == pytest.approx(1, abs=0.02)
    assert lag(heads, heads) == pytest.approx(0, abs=1e-3)
    still = clip(torch.zeros(20), 0.1)
    assert lag(still, still) is None
    assert lag(heads.slice(0, 2), heads.slice(0, 2)) is None
    nobody = Heads.empty(4, (9, 9), heads.camera)
    assert lag(nobody, nobody) is None
    assert steadiness(nobody) == (0, 0)


def test_a_half_turn_is_crossed_without_a_leap() -> None:
    turning = clip(torch.arange(150, 211, 2.0))  # 180 becomes -180
    smooth = HeadSmoother(FPS, direction="both").update(turning)
    assert float(apart(smooth.slice(1, 31), smooth.slice(0, 30)).max()) < 4
    assert float(apart(smooth, turning).max()) < 8


@pytest.mark.parametrize("points", [468, 0])
def test_chunks_give_the_same(points: int) -> None:
    heads = clip(
        swinging(), 0.6, points=points, count=[0 if 20 <= f < 25 else 1 for f in range(72)]
    )
    whole = HeadSmoother(FPS).update(heads)
    smoother = HeadSmoother(FPS)
    ends = (0, 1, 7, 22, 23, 40, 72)
    parts = [smoother.update(heads.slice(a, b)) for a, b in itertools.pairwise(ends)]
    joined = Heads.cat(parts)
    for name in ("rotation", "translation", "landmarks", "boxes"):
        assert getattr(joined, name).equal(getattr(whole, name)), name


def test_restarts_at_cuts_and_after_long_gaps() -> None:
    yaw = torch.cat([torch.zeros(12), torch.full((40,), 60.0)])
    cuts = torch.arange(52) == 12
    for direction in ("causal", "both"):
        smooth = HeadSmoother(FPS, direction=direction).update(clip(yaw), cuts)
        assert float(apart(smooth, clip(yaw)).max()) < 0.1, direction
    # 13 frames are longer than half a second; 5 are not
    for gap, restarts in ((13, True), (5, False)):
        heads = clip(yaw, count=[0 if 12 <= f < 12 + gap else 1 for f in range(52)])
        smooth = HeadSmoother(FPS).update(heads)
        assert (float(apart(smooth, heads)[12 + gap]) < 0.1) is restarts


def test_heads_without_a_track_are_left_unchanged() -> None:
    heads = clip(swinging(20), 0.6, tracks=False)
    smooth = HeadSmoother(FPS).update(heads)
    assert smooth.rotation.equal(heads.rotation)
    assert smooth.landmarks.equal(heads.landmarks)
    nobody = Heads.empty(3, (240, 320), heads.camera)
    assert HeadSmoother(FPS).update(nobody).count.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fps": 0.0}, "fps: expected more than 0, found 0.0"),
        ({"min_cutoff": -1.0}, "min_cutoff: expected more than 0"),
        ({"beta_rotation": -1.0}, "beta_rotation: expected at least 0, found -1.0"),
        ({"beta": math.nan}, "beta: expected at least 0, found nan"),
        ({"direction": "back"}, "direction: expected one of causal, both, found 'back'"),
    ],
)
def test_what_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        HeadSmoother(**settings)  # type: ignore[arg-type]


def test_a_state_of_other_heads_is_refused() -> None:
    smoother = HeadSmoother(FPS)
    smoother.update(clip(swinging(5)))
    with pytest.raises(InputError, match="with 0 landmarks in 320x240, but those before had 468"):
        smoother.update(clip(swinging(5), points=0))
    twice = clip(swinging(5))
    ids = torch.ones(5, 2, dtype=torch.int64)
    twice = replace(twice.with_places(2), count=torch.full((5,), 2), track_ids=ids)
    with pytest.raises(InputError, match="heads: frame 0 has track 1 twice"):
        HeadSmoother(FPS).update(twice)
