"""Hands that are lost for a few frames."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.held_hands import EASED, HELD, hold_hands
from kinograph.engines.body.ik.chain import SIDES
from kinograph.engines.body.ik.hand import hand_chain
from kinograph.engines.body.rig import mannequin
from kinograph.engines.geometry import rotations
from kinograph.engines.geometry.camera import Camera

RIG, CANVAS, FRAMES = mannequin(), (64, 96), 24
LEFT, RIGHT = (hand_chain(side).joints for side, _ in SIDES)


def made(posed: Tensor) -> Bodies:
    """Return a tracked body whose left hand is bent by 1 rad where it is `posed` [F], else open."""
    camera = Camera.of_field_of_view(CANVAS, 43.0)
    nobody = Bodies.empty(len(posed), CANVAS, camera, RIG, bodies=1)
    turn = posed.float()[:, None, None] * torch.tensor([1.0, 0, 0]).expand(len(LEFT), 3)
    rotation = torch.eye(3).repeat(len(posed), 1, len(RIG.joints), 1, 1)
    rotation[:, 0, LEFT] = rotations.turn_by(turn)
    ones = torch.ones(len(posed), dtype=torch.int64)
    return replace(nobody, rotation=rotation, track_ids=ones[:, None] + 4, count=ones)


def bent(bodies: Bodies) -> Tensor:
    """Return by how much the last joint of the left hand is bent [F], rad."""
    return rotations.turn_of(bodies.rotation[:, 0, LEFT[-1]]).norm(dim=-1)


@pytest.fixture
def posed() -> Tensor:
    """Seen in frames 2 to 4 and 6, then no more."""
    seen = torch.zeros(FRAMES, dtype=torch.bool)
    seen[[2, 3, 4, 6]] = True
    return seen


def hands(posed: Tensor) -> Tensor:
    return torch.stack([posed, torch.zeros_like(posed)], -1)[:, None]


def test_a_lost_hand_is_held_and_then_eased_back_to_rest(posed: Tensor) -> None:
    bodies = made(posed)
    found, _ = hold_hands(bodies, hands(posed), None)
    angle = bent(found)
    assert (angle[:2] == 0).all()  # nothing is known before it was seen
    held = angle[2 : 6 + HELD + 1]
    torch.testing.assert_close(held, torch.ones_like(held))  # frame 5, too
    eased = angle[6 + HELD : 6 + HELD + EASED + 2]
    steps = -eased.diff()
    assert (steps > 0).all()
    assert steps.max() < 0.25  # instead of 1 at once
    assert steps[[0, -1]].max() < 0.1  # slowly at both ends
    assert (angle[6 + HELD + EASED + 1 :] == 0).all()
    others = torch.ones(len(RIG.joints), dtype=torch.bool)
    others[LEFT] = False
    assert torch.equal(found.rotation[:, :, others], bodies.rotation[:, :, others])
    assert torch.equal(found.confidence, bodies.confidence)
    assert rotations.are_rotations(found.rotation).all()


@pytest.mark.parametrize("step", [1, 5, 7])
def test_chunks_are_the_whole(posed: Tensor, step: int) -> None:
    bodies = made(posed)
    whole, _ = hold_hands(bodies, hands(posed), None)
    state, parts = None, []
    for start in range(0, FRAMES, step):
        chunk = slice(start, min(start + step, FRAMES))
        part, state = hold_hands(bodies.slice(chunk.start, chunk.stop), hands(posed)[chunk], state)
        parts.append(part.rotation)
    assert torch.equal(torch.cat(parts), whole.rotation)
    assert state is not None
    assert len(state.ids) == 0  # long gone


def test_a_track_that_is_away_for_a_while_comes_back_with_its_hand(posed: Tensor) -> None:
    bodies = made(posed)
    count, ids = bodies.count.clone(), bodies.track_ids.clone()
    count[7:9], ids[7:9] = 0, -1
    found, _ = hold_hands(replace(bodies, count=count, track_ids=ids), hands(posed), None)
    assert torch.equal(bent(found)[7:9], torch.zeros(2))
    assert bent(found)[9] == pytest.approx(1, abs=1e-6)


def test_bodies_without_hands_or_tracks_are_unchanged(posed: Tensor) -> None:
    bodies = made(posed)
    found, state = hold_hands(bodies, torch.zeros_like(hands(posed)), None)
    assert found is bodies
    assert state is None
    untracked = replace(bodies, track_ids=torch.full_like(bodies.track_ids, -1))
    found, state = hold_hands(untracked, hands(posed), None)
    assert torch.equal(found.rotation, bodies.rotation)
    empty, state = hold_hands(bodies.slice(0, 0), hands(posed)[:0], state)
    assert len(empty) == 0
