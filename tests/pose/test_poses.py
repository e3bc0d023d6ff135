"""The `Poses` type and the ecosystem's shapes made from it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from kinograph.engines.detections.bounding_boxes import to_bounding_boxes
from kinograph.engines.errors import InputError
from kinograph.engines.pose.files.pose_keypoint import to_pose_keypoint
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import COCO_17, OPENPOSE_18


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": torch.zeros(2, 3, 16, 2)}, r"keypoints: .*17,2\], found \[2, 3, 16, 2\]"),
        ({"confidence": torch.zeros(2, 3)}, r"confidence: expected .*\[2,3,17\], found \[2, 3\]"),
        ({"boxes": torch.zeros(2, 2, 4)}, r"boxes: expected the shape \[2,3,4\]"),
        ({"scores": torch.zeros(3, 3)}, r"scores: expected the shape \[2,3\]"),
        ({"count": torch.zeros(2)}, "count: expected int64, found torch.float32"),
        ({"scores": torch.zeros(2, 3, device="meta")}, "scores: expected on cpu, found on meta"),
        ({"canvas": (0, 5)}, "canvas: expected height and width >= 1"),
        (
            {"skeleton": "hydra"},
            "skeleton: expected one of coco_17, .*, found 'hydra'",
        ),
    ],
)
def test_parts_that_do_not_fit(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(Poses.empty(2, (10, 20), people=3), **change)


def test_flip_tables_are_involutions_over_left_and_right() -> None:
    for skeleton in (COCO_17, OPENPOSE_18):
        assert [skeleton.flip[skeleton.flip[i]] for i in range(len(skeleton.joints))] == list(
            range(len(skeleton.joints))
        )
        for i, j in enumerate(skeleton.flip):
            assert (
                skeleton.joints[i].replace("left", "x") == skeleton.joints[j].replace("right", "x")
                or "left" not in skeleton.joints[i]
            )


def test_openpose_joints_are_the_same_places(people: Callable[..., Poses]) -> None:
    coco = people()
    openpose = coco.as_openpose()
    for joint in COCO_17.joints:
        torch.testing.assert_close(
            openpose.keypoints[:, :, OPENPOSE_18.joints.index(joint)],
            coco.keypoints[:, :, COCO_17.joints.index(joint)],
        )
    neck = openpose.keypoints[:, :, 1]
    torch.testing.assert_close(neck, (coco.keypoints[:, :, 5] + coco.keypoints[:, :, 6]) / 2)
    assert openpose.as_openpose() is openpose


def test_no_neck_without_both_shoulders(people: Callable[..., Poses]) -> None:
    poses = people(1, 1)
    poses.confidence[0, 0, 5] = 0
    assert float(poses.as_openpose().confidence[0, 0, 1]) == 0


def test_cat_and_to(people: Callable[..., Poses]) -> None:
    a, b = people(2), people(3, seed=1)
    both = Poses.cat([a, b])
    assert len(both) == 5
    assert torch.equal(both.keypoints[2:], b.keypoints)
    assert a.to("cpu") is a
    with pytest.raises(InputError, match="differ in canvas"):
        Poses.cat([a, people(1, canvas=(10, 10))])


def test_pose_keypoint_shape(people: Callable[..., Poses]) -> None:
    poses = people(2, 2)
    poses.confidence[0, 0, 0] = 0.4
    poses.confidence[0, 1, 0] = 0.0
    poses.count[1] = 1
    frames = to_pose_keypoint(poses)
    assert [len(frame["people"]) for frame in frames] == [2, 1]
    assert (frames[0]["canvas_height"], frames[0]["canvas_width"]) == (464, 832)
    person = frames[0]["people"][0]
    assert len(person["pose_keypoints_2d"]) == 54
    nose = poses.keypoints[0, 0, 0].tolist()
    # Readers drop c < 1: a joint that is seen has 1.0, its confidence stands apart.
    assert person["pose_keypoints_2d"][:3] == [*nose, 1.0]
    assert person["pose_confidence"][0] == pytest.approx(0.4)
    assert frames[0]["people"][1]["pose_keypoints_2d"][:3] == [0.0, 0.0, 0.0]


def test_bounding_boxes_shape(people: Callable[..., Poses]) -> None:
    poses = people(1, 1)
    (box,) = to_bounding_boxes(poses, "person")[0]
    x0, y0, x1, y1 = poses.boxes[0, 0].tolist()
    assert box == {
        "x": x0,
        "y": y0,
        "width": pytest.approx(x1 - x0),
        "height": pytest.approx(y1 - y0),
        "label": "person",
        "score": 1.0,
    }
