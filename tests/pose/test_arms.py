"""Where hands must be, from the joints of bodies."""

import pytest
import torch

from hand_pictures import people
from kinograph.engines.pose.arms import arms_of
from kinograph.engines.pose.poses import Poses


def test_both_arms() -> None:
    arms = arms_of(
        people(
            {"left_shoulder": (100, 100), "left_elbow": (100, 200), "left_wrist": (190, 200)},
            {"right_elbow": (300, 100), "right_wrist": (300, 40)},
        )
    )
    assert arms.frame.tolist() == [0, 0]
    assert arms.place.tolist() == [0, 1]
    assert arms.side.tolist() == [0, 1]
    assert arms.wrist.tolist() == [[190, 200], [300, 40]]
    torch.testing.assert_close(arms.along, torch.tensor([[1.0, 0], [0, -1]]))
    assert arms.length.tolist() == [90, 60]
    assert arms.shown.tolist() == [1, 1]


def test_a_foreshortened_forearm_is_as_long_as_the_upper_arm_says() -> None:
    arms = arms_of(
        people({"left_shoulder": (100, 100), "left_elbow": (100, 200), "left_wrist": (110, 200)})
    )
    assert float(arms.length[0]) == pytest.approx(100 * 0.146 / 0.186)
    assert float(arms.shown[0]) == pytest.approx(10 / 78.5, rel=0.01)


def test_shoulders_say_how_long_arms_are_that_point_at_the_camera() -> None:
    arms = arms_of(
        people(
            {
                **{"left_shoulder": (200, 100), "right_shoulder": (100, 100)},
                **{"left_elbow": (200, 105), "left_wrist": (203, 108)},
            }
        )
    )
    assert float(arms.length[0]) == pytest.approx(100 * 0.146 / 0.259)


def test_without_an_elbow_the_shoulder_says_where_the_forearm_points() -> None:
    shoulders = {"left_shoulder": (200.0, 100.0), "right_shoulder": (100.0, 100.0)}
    arms = arms_of(people({**shoulders, "left_wrist": (200.0, 220.0)}))
    assert arms.along.tolist() == [[0, 1]]
    assert arms.shown.tolist() == [0]
    assert float(arms.length[0]) == pytest.approx(100 * 0.146 / 0.259)


@pytest.mark.parametrize(
    "joints",
    [
        {"left_elbow": (100, 100), "left_shoulder": (100, 50)},  # no wrist
        {"left_wrist": (100, 100)},  # nothing that says where the arm comes from
        {"left_wrist": (100, 100), "left_shoulder": (100, 50)},  # nor how long it is
        {"left_wrist": (100, 100), "left_elbow": (102, 102)},  # a forearm of 3 px
    ],
)
def test_other_people_have_none(joints: dict[str, tuple[float, float]]) -> None:
    assert len(arms_of(people(joints))) == 0


def test_places_without_a_person_have_none() -> None:
    poses = people({"left_elbow": (100, 100), "left_wrist": (100, 50)})
    assert len(arms_of(poses)) == 1
    assert len(arms_of(Poses.empty(2, (64, 64)))) == 0


def test_arms_are_alike_in_every_skeleton() -> None:
    poses = people({"left_elbow": (100, 100), "left_wrist": (100, 50)})
    for other in (poses.as_openpose(), poses.whole(), poses.whole().as_openpose()):
        assert torch.equal(arms_of(other).wrist, arms_of(poses).wrist), other.skeleton
