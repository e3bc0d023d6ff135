"""Poses with the proportions of somebody else."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.pose.files import read_poses
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.retarget import with_proportions
from kinograph.engines.pose.skeletons import OPENPOSE_18
from kinograph.engines.pose.tracking import Tracker
from walkers import STANDING, poses_of, straight

CASES = Path(__file__).parents[1] / "data" / "pose" / "retarget"
JOINTS = OPENPOSE_18.joints


def case(name: str) -> Poses:
    return read_poses(CASES / f"{name}.json")


def body(**changes: float) -> torch.Tensor:
    """[17,2] the standing person with some limbs longer: arms, legs."""
    points = STANDING.clone()
    arms, legs = changes.get("arms", 1.0), changes.get("legs", 1.0)
    for shoulder, elbow, wrist in ((5, 7, 9), (6, 8, 10)):
        upper, lower = STANDING[elbow] - STANDING[shoulder], STANDING[wrist] - STANDING[elbow]
        points[elbow] = points[shoulder] + upper * arms
        points[wrist] = points[elbow] + lower * arms
    for hip, knee, ankle in ((11, 13, 15), (12, 14, 16)):
        upper, lower = STANDING[knee] - STANDING[hip], STANDING[ankle] - STANDING[knee]
        points[knee] = points[hip] + upper * legs
        points[ankle] = points[knee] + lower * legs
    return points


def one(points: torch.Tensor, canvas: tuple[int, int] = (480, 832)) -> Poses:
    poses = Poses.empty(1, canvas)
    poses.keypoints[0, 0] = points
    poses.confidence[:] = 0.9
    poses.boxes[0, 0] = torch.cat([points.amin(0), points.amax(0)])
    poses.scores[:] = 0.9
    poses.count[:] = 1
    return poses


def test_somebody_elses_limbs() -> None:
    paths = straight((150, 240), (650, 240), 12)[:, None]
    poses = Tracker().update(poses_of(paths))
    # the reference is drawn at twice the size somewhere else
    reference = one(body(arms=1.4, legs=0.8) * 2 + torch.tensor([300.0, 200.0]))
    given = with_proportions(poses, reference).poses.as_coco()
    wanted = body(arms=1.4, legs=0.8)
    wanted = wanted + (STANDING[15] - wanted[15]) * torch.tensor([0.0, 1.0])  # feet on the ground
    found = given.keypoints[:, 0] - paths
    torch.testing.assert_close(found, wanted.expand(12, -1, -1), atol=0.6, rtol=0)
    assert given.track_ids.tolist() == poses.track_ids.tolist()
    assert bool((given.boxes[:, 0, 2] > poses.boxes[:, 0, 2]).all())  # longer arms
    half = with_proportions(poses, reference, strength=0.5).poses.as_coco()
    between = (given.keypoints + poses.keypoints) / 2
    torch.testing.assert_close(half.keypoints, between, atol=0.5, rtol=0)
    none = with_proportions(poses, reference, strength=0).poses.as_coco()
    torch.testing.assert_close(none.keypoints, poses.keypoints, atol=1e-3, rtol=0)


def test_own_limbs_change_nothing(three: Poses) -> None:
    reference = one(STANDING * 0.7 + 100)
    given = with_proportions(three, reference).poses.as_coco()
    torch.testing.assert_close(given.keypoints, three.keypoints, atol=0.05, rtol=0)


def test_limbs_that_are_not_shown_keep_their_length() -> None:
    poses = Tracker().update(poses_of(straight((150, 240), (650, 240), 12)[:, None]))
    reference = one(body(arms=1.5))
    reference.confidence[0, 0, [7, 8, 9, 10]] = 0
    given = with_proportions(poses, reference).poses.as_coco()
    torch.testing.assert_close(given.keypoints, poses.keypoints, atol=0.05, rtol=0)
    # one side is enough for both
    reference.confidence[0, 0, [7, 9]] = 0.9
    given = with_proportions(poses, reference).poses.as_coco()
    assert float((given.keypoints - poses.keypoints)[:, 0, 10].norm(dim=1).min()) > 10


def test_a_shortened_limb_stays_shortened() -> None:
    """Lengths are compared over the clip: an arm towards the camera is not made long."""
    poses = Tracker().update(poses_of(straight((300, 240), (340, 240), 20)[:, None]))
    elbow, wrist = poses.keypoints[10, 0, 7], poses.keypoints[10, 0, 9]
    wrist.copy_(elbow + (wrist - elbow) * 0.2)
    given = with_proportions(poses, one(STANDING + 200)).poses.as_coco()
    torch.testing.assert_close(given.keypoints, poses.keypoints, atol=0.05, rtol=0)


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_nobody_is_given_limbs(frames: int) -> None:
    nobody = Poses.empty(frames, (480, 832))
    assert with_proportions(nobody, one(STANDING)).poses.count.tolist() == [0] * frames
    with pytest.raises(InputError, match="found nobody"):
        with_proportions(nobody, Poses.empty(1, (10, 10)))


def joint(poses: Poses, name: str, person: int = 0) -> torch.Tensor:
    """[F,2] px"""
    return poses.keypoints[:, person, JOINTS.index(name)]


def jump(points: torch.Tensor) -> float:
    """Return by how many px the longest step [F,2] differs from the shortest."""
    steps = points.diff(dim=0).norm(dim=1)
    return float(steps.max() - steps.min())


def without(poses: Poses, names: tuple[str, ...], frames: slice) -> Poses:
    confidence, keypoints = poses.confidence.clone(), poses.keypoints.clone()
    index = [JOINTS.index(name) for name in names]
    confidence[frames, :, index] = 0
    keypoints[frames, :, index] = 0
    return replace(poses, confidence=confidence, keypoints=keypoints)


def test_a_lost_elbow_does_not_move_the_wrist() -> None:
    reference = case("reference")
    whole = with_proportions(case("clip"), reference).poses
    lost = with_proportions(case("lost_elbow"), reference).poses
    assert int((case("lost_elbow").confidence == 0).sum()) > 0
    for wrist in ("left_wrist", "right_wrist"):
        assert jump(joint(lost, wrist)) < 0.01
        torch.testing.assert_close(joint(lost, wrist), joint(whole, wrist), atol=0.1, rtol=0)


@pytest.mark.parametrize(
    "names",
    [
        *(("neck",), ("nose",), ("left_shoulder", "neck"), ("left_hip",), ("right_knee",)),
        *(("left_ankle",), ("left_ankle", "right_ankle"), ("left_elbow", "left_shoulder")),
    ],
)
@pytest.mark.parametrize("frames", [slice(4, 5), slice(2, 6), slice(0, 3), slice(7, 9)])
def test_lost_joints_move_nothing_else(names: tuple[str, ...], frames: slice) -> None:
    tall = case("reference")
    tall.keypoints[..., 1] *= 1.6  # legs, arms and torso change differently
    tall.keypoints[:, :, [9, 10, 12, 13], 1] += 60
    whole = with_proportions(case("clip"), tall).poses
    lost = with_proportions(without(case("clip"), names, frames), tall).poses
    seen = lost.confidence > 0
    assert int((~seen).sum()) == len(names) * len(range(9)[frames])
    torch.testing.assert_close(lost.keypoints[seen], whole.keypoints[seen], atol=0.5, rtol=0)
    assert not bool(lost.keypoints[~seen].any())  # as they were


def test_an_elbow_that_is_never_seen_lies_on_the_way_to_the_wrist() -> None:
    lost = without(case("clip"), ("left_elbow",), slice(None))
    whole = with_proportions(case("clip"), case("reference")).poses
    given = with_proportions(lost, case("reference")).poses
    torch.testing.assert_close(  # the arm of the clip is straight
        joint(given, "left_wrist"), joint(whole, "left_wrist"), atol=0.1, rtol=0
    )


def test_a_foreshortened_limb_of_the_reference_is_not_its_length() -> None:
    plain = case("clip")  # of the proportions of the reference, but for its left forearm
    given = with_proportions(plain, case("foreshortened"))
    torch.testing.assert_close(given.poses.keypoints, plain.keypoints, atol=0.1, rtol=0)
    assert given.notes == (
        "reference: the limbs to left wrist are foreshortened; the other side's length is taken, "
        "or the person's own",
    )
    both = case("foreshortened")
    both.keypoints[:, :, 4] = both.keypoints[:, :, 3] + 2
    given = with_proportions(plain, both)
    torch.testing.assert_close(given.poses.keypoints, plain.keypoints, atol=0.1, rtol=0)
    assert given.notes[0].startswith("reference: the limbs to right wrist and left wrist are")


def test_a_foreshortened_limb_of_the_clip_does_not_grow() -> None:
    plain = case("clip")
    plain.keypoints[:, :, 7] = plain.keypoints[:, :, 6] + torch.tensor([2.0, 0.0])
    given = with_proportions(plain, case("clip")).poses
    torch.testing.assert_close(given.keypoints, plain.keypoints, atol=0.1, rtol=0)


def test_a_half_body_is_measured_by_its_shoulders() -> None:
    given = with_proportions(case("bust"), case("reference"))
    forearm = (joint(given.poses, "left_wrist") - joint(given.poses, "left_elbow")).norm(dim=1)
    torch.testing.assert_close(forearm, torch.full((5,), 72.0), atol=0.1, rtol=0)
    assert given.notes == ("track 0: measured by the shoulders, as the torso is not seen in both",)
    assert given.warnings == ()


def test_a_face_is_measured_by_its_ears() -> None:
    face = without(case("clip"), JOINTS[1:14], slice(None))
    given = with_proportions(face, case("reference"))
    assert given.notes == ("track 0: measured by the head, as the torso is not seen in both",)
    torch.testing.assert_close(given.poses.keypoints, face.keypoints, atol=0.1, rtol=0)


def test_who_cannot_be_measured_is_named() -> None:
    legs = without(case("clip"), (*JOINTS[:8], *JOINTS[14:]), slice(None))
    given = with_proportions(legs, case("reference"))
    assert given.warnings == (
        "track 0: nothing changed, as neither torso, shoulders nor head is seen both there and "
        "in the reference",
    )
    assert torch.equal(given.poses.keypoints, legs.keypoints)


def both(*people: Poses) -> Poses:
    """Return several people of one frame in one frame, by falling scores."""
    wide = [person.with_places(len(people)) for person in people]
    out = wide[0]
    for place, person in enumerate(people):
        for name in ("keypoints", "confidence", "boxes", "scores", "track_ids"):
            getattr(out, name)[:, place] = getattr(person, name)[:, 0]
    return replace(out, count=torch.full_like(out.count, len(people)))


def test_people_with_a_reference_each(three: Poses) -> None:
    right = one(body(arms=1.5) + torch.tensor([600.0, 240.0]))
    left = one(body(legs=0.7) + torch.tensor([100.0, 240.0]))
    pair = both(right, left)  # by score; from left to right it is the other way
    images = Poses.cat([left, right])  # one person in each of two pictures
    for reference in (pair, images):
        given = with_proportions(three, reference, matching="order")
        for person, single in ((0, left), (1, right)):
            alone = with_proportions(three, single).poses
            torch.testing.assert_close(given.poses.keypoints[:, person], alone.keypoints[:, person])
        same = three.as_openpose().keypoints[:, 2]
        torch.testing.assert_close(given.poses.keypoints[:, 2], same, atol=1e-3, rtol=0)
        assert given.warnings == (
            "track 2: nothing changed, as the reference shows 2 people, none for them",
        )


def test_references_by_track(three: Poses) -> None:
    long, short = one(body(arms=1.5)), one(body(legs=0.7))
    pair = both(long, short)
    pair.track_ids[:] = torch.tensor([[2, 0]])
    given = with_proportions(three, pair, matching="track")
    for person, single in ((2, long), (0, short)):
        alone = with_proportions(three, single).poses
        torch.testing.assert_close(given.poses.keypoints[:, person], alone.keypoints[:, person])
    assert given.warnings[0].startswith("track 1: nothing changed")


def test_a_clip_as_reference_shows_each_track_once(three: Poses) -> None:
    given = with_proportions(three, three, matching="order")
    assert given.warnings == ()
    torch.testing.assert_close(
        given.poses.keypoints, three.as_openpose().keypoints, atol=0.05, rtol=0
    )


def test_references_that_do_not_serve(three: Poses) -> None:
    with pytest.raises(InputError, match="expected a person, found nobody"):
        with_proportions(three, Poses.empty(2, (10, 10)))
    reference = one(STANDING)
    reference.confidence[0, 0, [1, 2, 3, 4, 5]] = 0  # one shoulder is left, and no head
    with pytest.raises(InputError, match=r"torso \(neck and hips\), shoulders or head is seen"):
        with_proportions(three, reference)
    with pytest.raises(InputError, match="matching: expected one of first, order, track, found"):
        with_proportions(three, three, matching="nearest")
