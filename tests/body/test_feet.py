"""Feet that stay where they stand."""

from dataclasses import replace

import pytest
import torch

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.feet import FootLock, FootState
from kinograph.engines.body.legs import reach
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.body_motion import sliding
from kinograph.engines.geometry.rotations import turn_by
from kinograph.nodes.body.smooth import SmoothBodies
from made_bodies import joints_of, moving

RIG = mannequin()
FPS = 15.0
FEET = [RIG.index(f"{bone}_{side}") for side in ("l", "r") for bone in ("foot", "ball")]


def standing(frames: int = 24, wander: float = 0.05) -> Bodies:
    """One body, 4 m away, that bends its knees and whose depth wanders by some metres."""
    bodies = Bodies.cat([moving(1, bodies=1)] * frames)
    generator = torch.Generator().manual_seed(2)
    rotation = torch.eye(3).repeat(*bodies.rotation.shape[:3], 1, 1)
    bend = (torch.linspace(0, 6, frames).sin() * 0.15)[:, None]
    for bone, share in (("thigh", -1.0), ("calf", 2.0), ("foot", -1.0)):
        for side in ("l", "r"):
            about = torch.cat([share * (bend + 0.2), bend * 0, bend * 0], 1)
            rotation[:, 0, RIG.index(f"{bone}_{side}")] = turn_by(about)
    place = torch.tensor([0.3, 0.1, -4.0]).repeat(frames, 1, 1)
    away = wander * torch.randn(frames, 1, 1, generator=generator)
    return replace(bodies, rotation=rotation, translation=place * (1 + away / 4))


def run(bodies: Bodies, cuts: tuple[int, ...] = ()) -> tuple[Bodies, FootState]:
    """Return what chunks of a clip give."""
    lock = FootLock(FPS)
    parts = [
        lock.update(bodies.slice(start, stop))
        for start, stop in zip((0, *cuts), (*cuts, len(bodies)), strict=True)
    ]
    assert lock.state is not None
    return Bodies.cat(parts), lock.state


def test_a_leg_reaches() -> None:
    hip, knee = torch.zeros(3, 3), torch.tensor([[0.0, -0.4, 0.05]]).repeat(3, 1)
    ankle = torch.tensor([[0.0, -0.8, 0.0]]).repeat(3, 1)
    target = torch.tensor([[0.1, -0.7, 0.1], [0.0, -2.0, 0.0], [0.0, -0.8, 0.0]])
    front = torch.tensor([[0.0, 0.0, 1.0]]).repeat(3, 1)
    thigh, calf = reach(hip, knee, ankle, target, front)
    bent = (thigh @ (knee - hip)[..., None])[..., 0]
    there = bent + (calf @ (ankle - knee)[..., None])[..., 0]
    assert torch.allclose(there[[0, 2]], target[[0, 2]], atol=1e-4)
    length = (knee - hip).norm(dim=1) + (ankle - knee).norm(dim=1)
    assert there[1].norm() == pytest.approx(float(length[1]), rel=0.01)  # as far as it reaches
    assert bent[0, 2] - target[0, 2] / 2 > 0.05  # the knee still bends to the front
    # One that is bent too far back bends to the front when the leg is shortened.
    back = torch.tensor([0.0, 0.0, -0.06])
    thigh, _ = reach(hip, knee + back, ankle, target, front)
    assert (thigh @ (knee + back)[..., None])[0, 2, 0] > target[0, 2] / 2
    assert torch.allclose(reach(hip, knee, ankle, ankle, front)[0], torch.eye(3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(calf), torch.ones(3), atol=1e-5)


def test_feet_that_stand_do_not_slide() -> None:
    bodies = standing()
    held, _ = run(bodies)
    stands = torch.ones(len(bodies), 1, 2, dtype=torch.bool)
    stands[:4] = False  # before they are known to stand
    before, after = (sliding(some, stands) for some in (bodies, held))
    assert before["mean_mm"] > 30
    assert after["mean_mm"] < 0.5
    joints = joints_of(held, RIG)
    lengths = [
        (joints[:, 0, a] - joints[:, 0, b]).norm(dim=-1)
        for a, b in ((RIG.index("thigh_l"), RIG.index("calf_l")), (RIG.index("calf_l"), FEET[0]))
    ]
    assert all(float(length.std()) < 1e-4 for length in lengths)
    flat = [some[:, 0, :, :2] / some[:, 0, :, 2:] for some in (joints, joints_of(bodies, RIG))]
    assert (flat[0] - flat[1]).norm(dim=-1).max() < 0.03  # as parts of the depth: 12 cm at 4 m


@pytest.mark.parametrize("ahead", [False, True])
def test_a_foot_is_held_from_the_frame_in_which_it_comes_to_stand(ahead: bool) -> None:
    """Which is known in the frame after that; one that never moves slowly is not held."""
    bodies = standing()
    place = bodies.translation.clone()
    coming = (10 - torch.arange(len(bodies))).clamp(min=0) * 0.2  # m, 3 m/s until frame 10
    place[..., 0] += coming[:, None]
    bodies = replace(bodies, translation=place)
    held = FootLock(FPS, ahead=ahead).update(bodies)
    feet = joints_of(held, RIG)[:, 0, FEET]
    way = (feet[1:] - feet[:-1]).norm(dim=-1).amax(-1)
    assert way[11:].max() < 1e-3
    assert bool(way[10] < 1e-3) == ahead
    assert way[:9].min() > 0.1


def test_a_foot_that_steps_is_let_go() -> None:
    bodies = standing(30, wander=0.0)
    there = torch.zeros(30, 1, 3)
    there[12:, 0, 0] = (torch.arange(18) * 0.1).clamp(max=0.8)  # 1.5 m/s to the right
    bodies = replace(bodies, translation=bodies.translation + there)
    held, _ = run(bodies)
    wanted, found = (joints_of(some, RIG)[:, 0, FEET] for some in (bodies, held))
    off = (wanted - found).norm(dim=-1).amax(-1)
    assert off[14:20].max() < 0.25  # on the way
    assert off[26:].max() < 0.12  # it stands where it has come to
    jumps = (found[1:] - found[:-1]).norm(dim=-1).amax(-1)
    assert jumps.max() < 0.25
    assert jumps[-3:].max() < 0.002


@pytest.mark.parametrize("cuts", [(1,), (3, 4, 11), (12, 23)])
def test_chunks_are_the_whole(cuts: tuple[int, ...]) -> None:
    bodies = standing()
    hidden = bodies.confidence.clone()
    hidden[8:10] = 0  # not seen
    bodies = replace(bodies, confidence=hidden)
    whole, state = run(bodies)
    parts, last = run(bodies, cuts)
    assert torch.equal(whole.rotation, parts.rotation)
    assert torch.equal(whole.translation, parts.translation)
    assert all(torch.equal(a, b) for a, b in zip(state.values, last.values, strict=True))


def test_tracks_are_held_apart_and_cuts_end_them() -> None:
    one = standing()
    two = Bodies.cat([moving(1, bodies=2)] * len(one))
    both = replace(
        two,
        rotation=one.rotation.expand(-1, 2, -1, -1, -1).clone(),
        translation=torch.cat([one.translation, one.translation.flip(0)], 1),
        shape=one.shape.expand(-1, 2, -1).clone(),
    )
    held, _ = run(both)
    alone, _ = run(one)
    assert torch.allclose(held.rotation[:, 0], alone.rotation[:, 0], atol=1e-5)
    assert not torch.allclose(held.translation[:, 0], held.translation[:, 1])
    cut = torch.zeros(len(one), dtype=torch.bool)
    cut[10] = True
    after = FootLock(FPS).update(one, cut)
    assert torch.equal(after.translation[10], one.translation[10])  # nothing is known of it yet
    loose = replace(one, track_ids=one.track_ids * 0 - 1)
    assert torch.equal(FootLock(FPS).update(loose).translation, loose.translation)


def test_nobody_and_other_bodies() -> None:
    bodies = standing(3)
    lock = FootLock(FPS)
    nobody = replace(bodies, count=bodies.count * 0)
    assert torch.equal(lock.update(nobody).translation, bodies.translation)
    assert len(lock.update(bodies.slice(0, 0))) == 0
    with pytest.raises(InputError, match="disconnect or reset the state"):
        lock.update(replace(bodies, canvas=(10, 10)))
    with pytest.raises(InputError, match="expected the rig mannequin, found smpl"):
        FootLock().update(replace(bodies, rig="smpl"))
    for fps in (0.0, float("nan")):
        with pytest.raises(InputError, match="fps: expected a number above 0"):
            FootLock(fps)


def test_the_node_holds_feet_in_chunks() -> None:
    bodies = standing()
    settings = {"fps": FPS, "min_cutoff": 1.7, "beta": 8.0, "beta_rotation": 2.0}
    settings |= {"direction": "causal", "hold_feet": True}
    whole, _ = SmoothBodies.execute(bodies, **settings).args
    first, state = SmoothBodies.execute(bodies.slice(0, 9), **settings).args
    second, _ = SmoothBodies.execute(bodies.slice(9, 24), state=state, **settings).args
    parts = Bodies.cat([first, second])
    assert torch.allclose(whole.rotation, parts.rotation, atol=1e-6)
    assert torch.allclose(whole.translation, parts.translation, atol=1e-6)
    loose, _ = SmoothBodies.execute(bodies, **{**settings, "hold_feet": False}).args
    stands = torch.ones(len(bodies), 1, 2, dtype=torch.bool)
    stands[:4] = False
    slid = [sliding(some, stands)["mean_mm"] for some in (loose, whole)]
    assert slid[1] < 0.1 * slid[0]
