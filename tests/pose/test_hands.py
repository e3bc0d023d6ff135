"""Hands at the ends of arms, and those that are not believed."""

import pytest
import torch
from torch import Tensor

from hand_pictures import WOMAN, Joints, hand_picture, people
from kinograph.engines.errors import InputError
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose import hands
from kinograph.engines.pose.hands import Hands, find_hands
from kinograph.engines.pose.poses import Poses
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of

# The woman's left hand in picture 7, see annotations.json: wrist, root of the index finger, and the
# tips of all fingers, px.
LEFT = {
    **{0: (428, 319), 5: (426, 339), 4: (415.5, 358.5), 8: (434.5, 377), 12: (439.5, 376.5)},
    **{16: (444, 370), 20: (447.5, 357.5)},
}


@pytest.fixture(scope="module")
def hand() -> Engine:
    model = resolve("mediapipe_hand")
    return build_engine(model, network_of(model), backend="torch", device="cpu")


def test_a_hand(hand: Engine) -> None:
    found = find_hands(hand_picture(7), people(WOMAN), hand)
    assert (found.looked, found.unlike, found.found) == (2, 1, 1)  # the right one is edge-on
    assert found.points.shape == (1, 1, 2, 21, 2)
    assert float(found.confidence[0, 0, 0].min()) > 0.9
    assert not found.confidence[0, 0, 1].any()
    wanted = torch.tensor(list(LEFT.values()))
    apart = (found.points[0, 0, 0, list(LEFT)] - wanted).norm(dim=1)
    assert float(apart.mean()) < 5  # px, of a hand of 67 px that is marked to about 3 px
    assert float(apart.max()) < 11


def test_frames_and_people_do_not_depend_on_each_other(hand: Engine) -> None:
    frames = torch.cat([hand_picture(7), torch.zeros(1, 640, 640, 3), hand_picture(7)])
    left = {name: at for name, at in WOMAN.items() if name.startswith("left")}
    poses = people({"nose": (20, 20)}, left, frames=3)
    done: list[int] = []
    found = find_hands(frames, poses, hand, progress=done.append)
    alone = find_hands(hand_picture(7), people(left), hand)
    assert sum(done) == 3
    assert (found.looked, found.unlike, found.found) == (3, 1, 2)
    for frame in (0, 2):
        assert torch.equal(found.points[frame, 1], alone.points[0, 0])
        assert torch.equal(found.confidence[frame, 1], alone.confidence[0, 0])
    assert not found.confidence[1].any()
    assert not found.confidence[:, 0].any()


@pytest.mark.parametrize(
    "arm",
    [
        {"left_elbow": (90.0, 90.0), "left_wrist": (150.0, 130.0)},  # a poster on the wall
        {"left_elbow": (300.0, 480.0), "left_wrist": (310.0, 560.0)},  # a leg
        {"left_elbow": (500.0, 500.0), "left_wrist": (560.0, 560.0)},  # the floor
    ],
)
def test_what_is_no_hand_is_not_taken_for_one(hand: Engine, arm: Joints) -> None:
    found = find_hands(hand_picture(7), people(arm), hand)
    assert (found.looked, found.unlike, found.found) == (1, 1, 0)
    assert not found.confidence.any()
    assert not found.points.any()


def test_one_hand_is_not_given_to_two_arms(hand: Engine) -> None:
    """The other arm's wrist is misplaced onto the same hand."""
    joints = {**WOMAN, "right_elbow": (380.0, 252.0), "right_wrist": (416.0, 320.0)}
    poses = people(joints)
    found = find_hands(hand_picture(7), poses, hand)
    assert (found.looked, found.twice, found.found) == (2, 1, 1)
    assert int((found.confidence.amax(-1) > 0).sum()) == 1
    assert find_hands(hand_picture(7), poses, hand, plausible=False).found == 2


OPEN = torch.tensor(  # an open hand that points to the right, 75 px long, its wrist at (0, 0)
    [[0.0, 0.0]]
    + [
        [(10 + 40 * (finger > 0)) + 8 * joint - 3 * abs(finger - 2), 12.0 * (2 - finger)]
        for finger in range(5)
        for joint in range(4)
    ]
)
ARM: Joints = {"left_elbow": (100.0, 300.0), "left_wrist": (200.0, 300.0)}


@pytest.mark.parametrize(
    ("points", "fits"),
    [
        (OPEN + torch.tensor([205.0, 302.0]), True),
        (OPEN * 0.6 + torch.tensor([205.0, 302.0]), True),
        (OPEN + torch.tensor([260.0, 302.0]), False),  # too far from the wrist
        (OPEN * 0.2 + torch.tensor([205.0, 302.0]), False),  # too small for the arm
        (OPEN * 1.8 + torch.tensor([205.0, 302.0]), False),  # too large for it
        (OPEN.flip(1) + torch.tensor([205.0, 302.0]), True),  # bent by 90 degrees
        (-OPEN + torch.tensor([205.0, 302.0]), False),  # back along the forearm
    ],
)
def test_hands_fit_their_arms(
    hand: Engine, monkeypatch: pytest.MonkeyPatch, points: Tensor, fits: bool
) -> None:
    monkeypatch.setattr(hands, "_look", lambda *_: (points[None], torch.tensor([0.9])))
    frames, poses = torch.zeros(1, 640, 640, 3), people(ARM)
    found = find_hands(frames, poses, hand)
    assert (found.looked, found.unlike, found.unfit, found.found) == (1, 0, not fits, fits)
    assert find_hands(frames, poses, hand, plausible=False).found == 1
    assert find_hands(frames, poses, hand, score_threshold=0.95).unlike == 1


def test_points_beyond_the_frame_are_not_seen(
    hand: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(x: float) -> Hands:
        points = OPEN + torch.tensor([x + 5, 302.0])
        monkeypatch.setattr(hands, "_look", lambda *_: (points[None], torch.tensor([0.9])))
        arm: Joints = {"left_elbow": (x - 100, 300.0), "left_wrist": (x, 300.0)}
        return find_hands(torch.zeros(1, 640, 640, 3), people(arm), hand)

    cut = at(570)
    assert cut.found == 1
    inside = cut.points[0, 0, 0, :, 0] <= 640
    assert 15 < int(inside.sum()) < 21
    assert torch.equal(cut.confidence[0, 0, 0] > 0, inside)
    outside = at(630)
    assert (outside.unfit, outside.found) == (1, 0)


def test_bad_input(hand: Engine, engine: Engine) -> None:
    frames, poses = torch.zeros(1, 640, 640, 3), people(WOMAN)
    with pytest.raises(InputError, match=r"poses: found in 1 frame of 640x640, but image holds 2"):
        find_hands(torch.zeros(2, 640, 640, 3), poses, hand)
    with pytest.raises(InputError, match=r"score_threshold: expected 0\.\.1, found 1\.5"):
        find_hands(frames, poses, hand, score_threshold=1.5)
    with pytest.raises(InputError, match=r"hand_engine: movenet_multipose does not find .* hands"):
        find_hands(frames, poses, engine)
    animals = Poses.empty(1, (640, 640), skeleton="ap10k_17")
    with pytest.raises(InputError, match=r"poses: expected people, found animals"):
        find_hands(frames, animals, hand)


def test_nobody(hand: Engine) -> None:
    found = find_hands(torch.zeros(2, 64, 64, 3), Poses.empty(2, (64, 64)), hand)
    assert (found.looked, found.found) == (0, 0)
    assert found.points.shape == (2, 1, 2, 21, 2)
