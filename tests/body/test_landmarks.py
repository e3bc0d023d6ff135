"""The points of bodies in frames: regions, what the people keep, batches, and bad input."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.families.blazepose import POINTS
from kinograph.engines.body.landmarks import (
    BodyPoints,
    in_camera,
    points_of_bodies,
    regions_around,
    regions_of_boxes,
)
from kinograph.engines.errors import InputError, ModelError
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import COCO_17
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.video.clip import Clip

# The two people of frame 24 by hand, see tests/data/pose/two_people.json: boxes, and some joints.
BOXES = torch.tensor([[208.5, 18, 382, 205], [599, 247.5, 672, 432.5]])
JOINTS = {
    "left_shoulder": (318, 54),
    "right_shoulder": (280, 53.5),
    "left_knee": (312.5, 149),
    "right_knee": (280.5, 149),
    "right_wrist": (225.5, 55.5),
}


def engine(name: str) -> Engine:
    model = resolve(name)
    return build_engine(model, network_of(model), backend="torch", device="cpu")


@pytest.fixture(scope="module")
def blazepose() -> Engine:
    return engine("blazepose")


@pytest.fixture(scope="module")
def frames(clip: Clip) -> Tensor:
    """Frame 24 of the clip, and nobody."""
    return torch.stack([clip.frames[24], clip.frames[24] * 0])


def people(frames: Tensor, *, joints: bool = True) -> Poses:
    """The two of frame 24, of one of whom some joints are known; nobody in the other frames."""
    poses = Poses.empty(len(frames), (frames.shape[1], frames.shape[2]), people=2)
    poses.count[0] = 2
    poses.boxes[0] = BOXES
    poses.scores[0] = torch.tensor([0.9, 0.8])
    poses.track_ids[0] = torch.tensor([4, 2])
    for name, at in JOINTS.items() if joints else ():
        number = COCO_17.joints.index(name)
        poses.keypoints[0, 0, number] = torch.tensor(at)
        poses.confidence[0, 0, number] = 1
    return poses


def apart(found: BodyPoints) -> Tensor:
    """Return how far the points of the first person lie from the joints by hand, px."""
    numbers = [POINTS.index(name) for name in JOINTS]
    return (found.points[0, 0, numbers] - torch.tensor(list(JOINTS.values()))).norm(dim=-1)


def test_two_people(blazepose: Engine, frames: Tensor) -> None:
    found = points_of_bodies(frames, people(frames), blazepose)
    assert found.count.tolist() == [2, 0]
    assert found.track_ids[0].tolist() == [4, 2]
    assert torch.equal(found.boxes[0], BOXES)
    assert apart(found).max() < 9  # of a man 210 px tall
    # He faces the camera with his arms out: his left is at the right, his head above his feet.
    x, y, _ = found.world[0, 0].unbind(-1)
    assert 0.2 < float(x[POINTS.index("left_shoulder")] - x[POINTS.index("right_shoulder")]) < 0.5
    assert float(x[POINTS.index("left_wrist")] - x[POINTS.index("right_wrist")]) > 0.9
    assert float(y[POINTS.index("nose")] - y[POINTS.index("left_ankle")]) > 1
    assert found.world[0, 1].isfinite().all()


def test_points_that_the_joints_contradict_are_looked_for_again(
    blazepose: Engine, frames: Tensor
) -> None:
    """The first region of this frame shows the network the man from behind."""
    once = points_of_bodies(frames, people(frames, joints=False), blazepose)
    assert apart(once)[:2].min() > 30
    assert once.visibility[0, 0].max() > 0.9
    assert apart(points_of_bodies(frames, people(frames), blazepose)).max() < 9


def test_points_that_agree_nowhere_are_not_seen(blazepose: Engine, frames: Tensor) -> None:
    poses = people(frames)
    poses.keypoints[0, 0] += torch.tensor([0.0, 80.0])
    found = points_of_bodies(frames, poses, blazepose)
    assert found.visibility[0].amax(1).tolist() == [0, pytest.approx(1, abs=0.1)]


def test_everybody_at_once_is_everybody_alone(blazepose: Engine, frames: Tensor) -> None:
    both = points_of_bodies(frames, people(frames), blazepose)
    second = people(frames[:1], joints=False)
    one = torch.ones(1, dtype=torch.int64)
    second = replace(second, boxes=second.boxes.flip(1), count=one)
    alone = points_of_bodies(frames[:1], second, blazepose)
    assert torch.equal(alone.points[0, 0], both.points[0, 1])
    assert torch.equal(alone.world[0, 0], both.world[0, 1])
    joined = BodyPoints.cat([both.slice(0, 1), both.slice(1, 2)])
    assert torch.equal(joined.points, both.points)


def test_nobody(blazepose: Engine, frames: Tensor) -> None:
    found = points_of_bodies(frames[1:], Poses.empty(1, (464, 832)), blazepose)
    assert found.count.tolist() == [0]
    assert found.points.abs().max() == 0


def test_a_box_without_a_body_has_no_visible_points(blazepose: Engine, frames: Tensor) -> None:
    found = points_of_bodies(frames[1:], people(frames[:1]), blazepose)
    assert found.visibility.max() == 0


def test_regions() -> None:
    frame = torch.tensor([0, 3])
    upright = regions_of_boxes(torch.tensor([[10.0, 20, 50, 100], [0, 0, 0, 0]]), frame, 1.25)
    assert upright.side.tolist() == [100, 1.25]
    assert upright.centre[0].tolist() == [30, 60]
    around = torch.tensor([[[50.0, 60], [50, 20]], [[50, 60], [90, 60]]])  # standing, lying
    turned = regions_around(around, frame, 2.5)
    assert turned.side.tolist() == pytest.approx([100, 100])
    assert turned.angle.tolist() == pytest.approx([0, math.pi / 2], abs=1e-6)
    # What is above in the crop is to the right in the frame, and so it is in metres.
    above = turned.back(torch.tensor([[[128.0, 28.0]]] * 2), 256)[1, 0] - turned.centre[1]
    assert above.tolist() == pytest.approx([100 * 100 / 256, 0], abs=1e-4)
    world = in_camera(torch.tensor([[[0.0, -1.0, 0.5]]] * 2), turned.angle)
    assert world[0, 0].tolist() == pytest.approx([0, 1, -0.5], abs=1e-6)
    assert world[1, 0].tolist() == pytest.approx([1, 0, -0.5], abs=1e-6)


def test_bad_input(blazepose: Engine, frames: Tensor) -> None:
    poses = people(frames)
    with pytest.raises(InputError, match="poses: found in 2 frames of 832x464, but image holds 1"):
        points_of_bodies(frames[:1], poses, blazepose)
    with pytest.raises(InputError, match=r"score_threshold: expected 0\.\.1, found 2"):
        points_of_bodies(frames, poses, blazepose, score_threshold=2)
    with pytest.raises(ModelError, match="expected a body model, found family 'movenet'"):
        points_of_bodies(frames, poses, engine("movenet_multipose"))
    animals = Poses.empty(2, (464, 832), skeleton="ap10k_17")
    with pytest.raises(InputError, match="expected people, found animals"):
        points_of_bodies(frames, animals, blazepose)
    chunks = [BodyPoints.of(poses, POINTS), BodyPoints.of(poses, POINTS[:5])]
    with pytest.raises(InputError, match="differ in canvas or points"):
        BodyPoints.cat(chunks)
