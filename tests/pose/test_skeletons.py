"""Joint orders, mirrored and turned into each other."""

from collections.abc import Callable

import pytest
import torch

from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import (
    COCO_17,
    OPENPOSE_18,
    OPENPOSE_134,
    SKELETONS,
    WHOLEBODY_133,
)


@pytest.mark.parametrize("name", SKELETONS)
def test_mirroring_twice_changes_nothing(name: str) -> None:
    skeleton = SKELETONS[name]
    flip = skeleton.flip
    assert [flip[flip[joint]] for joint in range(len(skeleton))] == list(range(len(skeleton)))
    for joint, other in enumerate(flip):
        left, right = skeleton.joints[joint], skeleton.joints[other]
        if left.startswith("left_"):
            assert right == left.replace("left_", "right_")


@pytest.mark.parametrize("name", SKELETONS)
def test_parts_cover_the_skeleton(name: str) -> None:
    skeleton = SKELETONS[name]
    covered = [joint for part in skeleton.parts.values() for joint in range(len(skeleton))[part]]
    assert covered == list(range(len(skeleton)))
    assert len(set(skeleton.joints)) == len(skeleton.joints)


def test_sizes_and_places_are_the_published_ones() -> None:
    assert [len(s) for s in (COCO_17, OPENPOSE_18, WHOLEBODY_133, OPENPOSE_134)] == [
        17,
        18,
        133,
        134,
    ]
    parts = WHOLEBODY_133.parts
    assert (parts["feet"].start, parts["face"].start) == (17, 23)
    assert (parts["left_hand"].start, parts["right_hand"].start) == (91, 112)
    # corners of mouth and eyes, and the chin, of iBUG's 68
    flip = WHOLEBODY_133.flip
    pairs = {48: 54, 36: 45, 39: 42, 8: 8, 0: 16, 17: 26, 31: 35, 60: 64, 57: 57, 66: 66}
    for point, mirrored in pairs.items():
        assert flip[23 + point] == 23 + mirrored


@pytest.mark.parametrize("whole", [False, True])
def test_openpose_and_back(people: Callable[..., Poses], whole: bool) -> None:
    poses = people(3, 2, whole=whole)
    poses.confidence[0, 0, 5] = 0  # a shoulder: no neck
    there = poses.as_openpose()
    assert there.skeleton == (OPENPOSE_134 if whole else OPENPOSE_18).name
    assert there.confidence[0, 0, 1] == 0
    neck = (poses.keypoints[1, 1, 5] + poses.keypoints[1, 1, 6]) / 2
    torch.testing.assert_close(there.keypoints[1, 1, 1], neck)
    back = there.as_coco()
    assert back.skeleton == poses.skeleton
    assert torch.equal(back.keypoints, poses.keypoints)
    assert torch.equal(back.confidence, poses.confidence)
    assert there.as_openpose() is there
    assert poses.as_coco() is poses


def test_the_body_of_a_whole_body(people: Callable[..., Poses]) -> None:
    poses = people(2, 2, whole=True)
    body = poses.body()
    assert body.skeleton == "coco_17"
    assert torch.equal(body.keypoints, poses.keypoints[:, :, :17])
    assert poses.as_openpose().body().skeleton == "openpose_18"
    assert torch.equal(poses.as_openpose().body().keypoints, body.as_openpose().keypoints)


def test_more_places(people: Callable[..., Poses]) -> None:
    few, many = people(2, 1), people(3, 4)
    both = Poses.cat([few, many])
    assert both.scores.shape == (5, 4)
    assert both.count.tolist() == [1, 1, 4, 4, 4]
    assert both.track_ids[0].tolist() == [-1] * 4
    assert not both.keypoints[:2, 1:].any()
    assert few.with_places(1) is few
