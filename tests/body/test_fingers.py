"""Hands of the mannequin that are bent as known, seen in the picture alone."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.fingers import hands_shown, with_fingers
from kinograph.engines.body.ik.chain import SIDES
from kinograph.engines.body.ik.hand import hand_chain
from kinograph.engines.body.kinematics import pose_joints
from kinograph.engines.body.placing import appear
from kinograph.engines.body.points import FINGERS, points_of_rig
from kinograph.engines.body.rig import mannequin
from kinograph.engines.geometry import rotations
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import COCO_17, SKELETONS, WHOLEBODY_133

RIG = mannequin()
CANVAS = (1080, 1920)
CAMERA = Camera.of_field_of_view(CANVAS, 43.0)
FRAMES = 16
HANDS = [hand_chain(side) for side, _ in SIDES]
BENT = torch.cat([chain.joints for chain in HANDS])


def points_of(rotation: Tensor, translation: Tensor) -> Tensor:
    """Return the points of the hands [N,2,21,3] m of bodies, by the kinematics of the rig."""
    posed = pose_joints(RIG, rotation, translation)
    found = []
    for chain in HANDS:
        joint = chain.joints[chain.bone]
        arms = (posed.rotation[:, joint] @ chain.offset[..., None])[..., 0]
        found.append(posed.position[:, joint] + arms)
    return torch.stack(found, 1)


def flexion(rotation: Tensor) -> Tensor:
    """Return by how much the joints of the fingers are bent [N,2,15], degrees."""
    about = [
        (chain.axes @ rotations.turn_of(rotation[:, chain.joints])[..., None])[..., 1, 0]
        for chain in HANDS
    ]
    return torch.stack(about, 1)[..., 1:].rad2deg()


def made(size: float = 1.0, seed: int = 0) -> tuple[Bodies, Bodies, Poses]:
    """Return bodies with bent hands, the same with hands at rest, and how the first are seen.

    size: of the hands in the picture, in those of the body
    """
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    rest = torch.eye(3).repeat(FRAMES, len(RIG.joints), 1, 1)
    rest[:, 0] = rotations.turn_by(random(FRAMES, 3) * torch.tensor([0.1, 0.6, 0.1]))
    for joint, spread in (("upperarm", 0.5), ("lowerarm", 0.3)):
        for _, s in SIDES:
            rest[:, RIG.index(f"{joint}_{s}")] = rotations.turn_by(random(FRAMES, 3) * spread)
    bent = rest.clone()
    for chain in HANDS:
        about = random(FRAMES, len(chain.bones), 3) * chain.spread * 0.8
        about[:, 1:, 1] = about[:, 1:, 1].abs()
        low, high = chain.limits.unbind(-1)
        vectors = (chain.axes.mT @ about.clamp(low, high)[..., None])[..., 0]
        bent[:, chain.joints] = rotations.turn_by(vectors)
    translation = torch.tensor([0.0, 0, -3]) + random(FRAMES, 3) * torch.tensor([0.5, 0.1, 0.3])
    count = torch.ones(FRAMES, dtype=torch.int64)
    sure = torch.zeros(FRAMES, 1, len(RIG.joints))
    sure[..., RIG.index("pelvis")] = 1
    nobody = Bodies.empty(FRAMES, CANVAS, CAMERA, RIG)
    right, still = (
        replace(
            nobody,
            rotation=rotation[:, None],
            translation=translation[:, None],
            confidence=sure,
            track_ids=count[:, None] + 6,
            count=count,
        )
        for rotation in (bent, rest)
    )
    points = points_of(bent, translation)
    points = points[:, :, :1] + (points - points[:, :, :1]) * size
    seen = appear(points.flatten(1, 2), CAMERA.of_frames(torch.arange(FRAMES)))
    people = Poses.empty(FRAMES, CANVAS, skeleton=WHOLEBODY_133.name)
    keypoints, confidence = people.keypoints.clone(), people.confidence.clone()
    keypoints[:, 0, -42:], confidence[:, 0, -42:] = seen, 0.9
    people = replace(
        people,
        keypoints=keypoints,
        confidence=confidence,
        track_ids=right.track_ids,
        count=count,
    )
    return right, still, people


@pytest.fixture(scope="module")
def case() -> tuple[Bodies, Bodies, Poses]:
    return made()


def apart(one: Bodies, other: Bodies) -> Tensor:
    """Return how far the points of hands are apart, seen from the wrist, [F,2] mm."""
    points = [points_of(b.rotation[:, 0], b.translation[:, 0]) for b in (one, other)]
    from_wrist = [p - p[:, :, :1] for p in points]
    return (from_wrist[0] - from_wrist[1]).norm(dim=-1).mean(-1) * 1000


@pytest.mark.parametrize(("size", "most"), [(1.0, 9.0), (1.15, 12.0), (0.9, 14.0)])
def test_bent_fingers_are_found_in_the_picture(size: float, most: float) -> None:
    """Depths are not known, nor how large the hand is beside the body."""
    right, still, people = made(size)
    found, posed = with_fingers(still, people)
    assert posed.sum() == 2 * FRAMES
    assert apart(still, right).mean() > 28
    assert apart(found, right).mean() < most
    off = (flexion(found.rotation[:, 0]) - flexion(right.rotation[:, 0])).abs()
    assert off.mean() < 13
    assert flexion(right.rotation[:, 0]).abs().mean() > 20
    others = torch.ones(len(RIG.joints), dtype=torch.bool)
    others[BENT] = False
    assert torch.equal(found.rotation[:, :, others], still.rotation[:, :, others])
    assert torch.equal(found.confidence[:, :, others], still.confidence[:, :, others])
    assert torch.allclose(found.confidence[:, :, BENT], torch.tensor(0.9))
    assert rotations.are_rotations(found.rotation[found.present]).all()


def test_chunks_are_the_whole(case: tuple[Bodies, Bodies, Poses]) -> None:
    _, still, people = case
    whole, _ = with_fingers(still, people)
    for start, end in ((0, 1), (3, 10)):
        part, _ = with_fingers(still.slice(start, end), people.slice(start, end))
        assert torch.equal(part.rotation, whole.rotation[start:end])


def test_hands_that_are_not_seen_stay_as_they_are(case: tuple[Bodies, Bodies, Poses]) -> None:
    _, still, people = case
    body = Poses.empty(FRAMES, CANVAS, skeleton=COCO_17.name)
    body = replace(body, count=people.count, track_ids=people.track_ids)
    assert not hands_shown(body).any()
    unchanged, posed = with_fingers(still, body)
    assert unchanged is still
    assert not posed.any()
    other = replace(people, track_ids=people.track_ids + 1)
    assert torch.equal(with_fingers(still, other)[0].rotation, still.rotation)
    hidden = people.confidence.clone()
    left = SKELETONS[people.skeleton].parts["left_hand"]
    hidden[3, :, left] = 0
    hidden[4, :, left.start : left.start + 11] = 0  # most of it
    unseen = still.confidence.clone()
    unseen[5] = 0  # the body, whose pose is that of the frames before
    found, posed = with_fingers(
        replace(still, confidence=unseen), replace(people, confidence=hidden)
    )
    assert posed.sum() == 2 * FRAMES - 4
    assert posed[3:6].tolist() == [[[False, True]]] * 2 + [[[False, False]]]
    mine, yours = (chain.joints for chain in HANDS)
    assert torch.equal(found.rotation[3:6, :, mine], still.rotation[3:6, :, mine])
    assert (found.confidence[3:6, :, mine] == 0).all()
    assert (found.confidence[3:5, :, yours] > 0.8).all()
    assert torch.equal(found.rotation[5], still.rotation[5])
    empty, none = with_fingers(still.slice(0, 0), people.slice(0, 0))
    assert (len(empty), len(none)) == (0, 0)


def test_points_that_are_no_hand_are_not_believed(case: tuple[Bodies, Bodies, Poses]) -> None:
    _, still, people = case
    generator = torch.Generator().manual_seed(1)
    scattered = people.keypoints.clone()
    scattered[:8, 0, -42:] += torch.randn(8, 42, 2, generator=generator) * 60
    scattered[8:, 0, -42:] = 1e5
    found, posed = with_fingers(still, replace(people, keypoints=scattered))
    assert not posed.any()
    assert torch.equal(found.rotation, still.rotation)
    assert torch.equal(found.confidence, still.confidence)


def test_fingers_bend_within_their_limits(case: tuple[Bodies, Bodies, Poses]) -> None:
    """Also where the hand of the picture is the mirrored one, which bends the other way."""
    _, still, people = case
    keypoints = people.keypoints.clone()
    keypoints[:, :, -42:-21], keypoints[:, :, -21:] = (
        people.keypoints[:, :, -21:],
        people.keypoints[:, :, -42:-21],
    )
    for seen in (people, replace(people, keypoints=keypoints)):
        found, _ = with_fingers(still, seen)
        for chain in HANDS:
            turns = rotations.turn_of(found.rotation[:, 0, chain.joints])
            about = (chain.axes @ turns[..., None])[..., 0]
            low, high = chain.limits.unbind(-1)
            beyond = (about - about.clamp(low, high)).abs()
            assert beyond[:, 1:].max() < 0.2
            assert beyond.max() < 0.5  # the wrist


def test_the_chain_of_a_hand() -> None:
    left, right = HANDS
    assert (len(left.bones), len(left.points)) == (16, 21)
    known = points_of_rig(RIG.name)
    for number, finger in enumerate(FINGERS):
        joint, place = known[f"left_{finger}_tip"]
        tip = 4 * number + 4
        assert int(left.joints[left.bone[tip]]) == joint
        assert torch.allclose(left.offset[tip], torch.tensor(place), atol=1e-6)
    # Both hands bend alike, seen in a mirror.
    mirrored = torch.tensor([1.0, -1, -1])
    assert torch.allclose(left.axes[:, 1], right.axes[:, 1] * mirrored, atol=1e-3)
    assert torch.allclose(left.limits, right.limits, atol=1e-3)
    # Fingers that bend close the hand: their tips come nearer to the wrist.
    bent = torch.eye(3).repeat(2, len(RIG.joints), 1, 1)
    fingers = left.joints[4:]
    bent[1, fingers] = rotations.turn_by(left.axes[4:, 1] * 0.8)
    points = points_of(bent, torch.zeros(2, 3))[:, 0]
    reach = (points[:, 8::4] - points[:, :1]).norm(dim=-1)
    assert (reach[1] < reach[0] - 0.04).all()
