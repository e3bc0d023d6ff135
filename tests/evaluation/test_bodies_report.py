"""Bodies against known ones, against each other, and how they move."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.landmarks import BodyPoints
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import InputError
from kinograph.engines.evaluation.body_model import LIMBS, as_people
from kinograph.engines.evaluation.body_motion import bone_spread, sliding, standing, stillness
from kinograph.engines.evaluation.body_poses import compare_bodies, compare_cameras, mean_of
from kinograph.engines.geometry.rotations import turn_by
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import COCO_17
from made_bodies import moving

RIG = mannequin()


def turned(bodies: Bodies, about: tuple[float, float, float]) -> Bodies:
    """Return bodies whose pelvises are turned in their own axes by a vector in rad."""
    rotation = bodies.rotation.clone()
    rotation[:, :, 0] = rotation[:, :, 0] @ turn_by(torch.tensor(about))
    return replace(bodies, rotation=rotation)


def test_errors_of_bodies() -> None:
    truth = moving(8, bodies=1)
    right = compare_bodies(truth, truth)
    assert (right["bodies"], right["found"]) == (8, 8)
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "angle_deg", "pelvis_deg", "lean_deg", "size_percent"):
        assert right[name] == pytest.approx(0, abs=0.05), name
    leaning = compare_bodies(truth, turned(truth, (math.radians(10), 0, 0)))
    assert leaning["pelvis_deg"] == pytest.approx(10, abs=0.01)
    assert leaning["lean_deg"] > 6  # whole, but for what the spine is turned to the side
    assert leaning["angle_deg"] == pytest.approx(0, abs=0.05)
    assert leaning["mpjpe_mm"] > 50
    assert leaning["pa_mpjpe_mm"] == pytest.approx(0, abs=0.05)
    back = compare_bodies(truth, turned(truth, (math.radians(-10), 0, 0)))
    assert back["lean_deg"] < -6


def test_sizes_and_bodies_that_are_missed() -> None:
    truth = moving(4, bodies=1)
    shape = truth.shape.clone()
    number = RIG.shapes.index("size")
    shape[..., number] = 1.1 * (1 + shape[..., number]) - 1
    larger = compare_bodies(truth, replace(truth, shape=shape))
    assert larger["size_percent"] == pytest.approx(10, abs=0.01)
    assert larger["pa_mpjpe_mm"] < 0.5 * larger["mpjpe_mm"]
    unseen = replace(
        truth, confidence=truth.confidence * torch.tensor([1.0, 0, 1, 1])[:, None, None]
    )
    assert compare_bodies(truth, unseen)["found"] == 3
    nobody = compare_bodies(truth, replace(truth, count=truth.count * 0))
    assert (nobody["found"], nobody["mpjpe_mm"], nobody["joints_mm"]["knees"]) == (0, None, None)
    with pytest.raises(InputError, match="expected 4 frames, found 2"):
        compare_bodies(truth, truth.slice(0, 2))
    with pytest.raises(InputError, match="expected the rig mannequin, found smpl"):
        compare_bodies(truth, replace(truth, rig="smpl"))


def test_cameras_that_see_one_body() -> None:
    """Another camera gives the same body in other axes; noise in one of them is seen in pairs."""
    one = moving(6, bodies=1)
    other = replace(one, rotation=one.rotation.clone())
    other.rotation[:, :, 0] = turn_by(torch.tensor([0.2, 1.4, -0.1])) @ one.rotation[:, :, 0]
    moved = replace(one, rotation=one.rotation.clone())
    moved.rotation[:, :, 0] = (
        turn_by(torch.linspace(0, 1.5, 6)[:, None, None] * torch.tensor([0.0, 1.0, 0.0]))
        @ one.rotation[:, :, 0]
    )
    rows = compare_cameras({"a": one, "b": other.slice(0, 5), "c": moved})
    assert [row["cameras"] for row in rows] == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert [row["frames"] for row in rows] == [5, 6, 5]
    assert rows[0]["clip_mm"] == pytest.approx(0, abs=0.05)
    assert rows[1]["clip_mm"] > 50  # it turns: no one alignment fits the whole clip
    assert rows[1]["frame_mm"] == pytest.approx(0, abs=0.05)
    assert mean_of(rows, "clip_mm") == pytest.approx(
        sum(row["clip_mm"] * row["frames"] for row in rows) / 16
    )
    nobody = replace(one, count=one.count * 0)
    rows = compare_cameras({"a": one, "b": nobody})
    assert rows[0]["clip_mm"] is None
    assert mean_of(rows, "clip_mm") is None


def points_of(frames: int, feet: Tensor) -> BodyPoints:
    """Points of one person 100 px high: feet [F,2] px to the right, the rest where they are."""
    names = ("left_heel", "left_foot_index", "right_heel", "right_foot_index")
    people = Poses.empty(frames, (200, 200))
    points = BodyPoints.of(people, names)
    flat = points.points.clone()
    flat[:, 0, :, 0] = feet.repeat_interleave(2, 1)
    return replace(
        points,
        points=flat,
        visibility=points.visibility + 0.9,
        boxes=points.boxes + torch.tensor([50.0, 50, 100, 150]),
        track_ids=points.track_ids + 4,
        count=points.count + 1,
    )


def test_feet_that_stand_in_the_picture() -> None:
    feet = torch.zeros(5, 2)
    feet[2:, 1] = 30  # the right one takes a step to the third frame
    points = points_of(5, feet)
    stands = standing(points, 10.0)
    assert stands[:, 0].tolist() == [
        *([False, False], [True, True], [True, False], [True, True], [True, True])
    ]
    hidden = replace(points, visibility=points.visibility * torch.tensor([1.0, 1, 1, 0.1]))
    assert not standing(hidden, 10.0)[..., 1].any()
    assert not standing(points.slice(0, 1), 10.0).any()


def test_feet_that_slide() -> None:
    bodies = moving(1, bodies=1)
    bodies = Bodies.cat([bodies] * 5)
    bodies.translation[:, 0, 2] = -3 - 0.02 * torch.arange(5)  # 20 mm a frame away
    stands = torch.ones(5, 1, 2, dtype=torch.bool)
    stands[3, 0, 1] = False
    found = sliding(bodies, stands)
    assert found["steps"] == 7
    assert found["mean_mm"] == pytest.approx(20, abs=0.01)
    assert found["p95_mm"] == pytest.approx(20, abs=0.01)
    assert sliding(bodies, stands & False) == {"steps": 0, "mean_mm": None, "p95_mm": None}


def test_how_steady_bodies_are() -> None:
    still = Bodies.cat([moving(1, bodies=1)] * 6)
    assert stillness(still, 15.0)["jerk"] == pytest.approx(0, abs=1e-3)
    assert stillness(moving(6, bodies=1), 15.0)["pose_deg"] > 1
    assert set(stillness(still.slice(0, 1), 15.0).values()) == {None}


def test_how_much_bones_vary() -> None:
    sides = [
        f"{side}_{joint}"
        for side in ("left", "right")
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    ]
    points = BodyPoints.of(Poses.empty(2, (100, 100)), tuple(sides))
    world = torch.randn(1, 1, len(sides), 3, generator=torch.Generator().manual_seed(1))
    points = replace(
        points,
        world=world * torch.tensor([0.9, 1.1]).view(2, 1, 1, 1),
        visibility=points.visibility + 1,
        track_ids=points.track_ids + 1,
        count=points.count + 1,
    )
    assert bone_spread(points) == pytest.approx(10, abs=0.01)
    assert bone_spread(replace(points, visibility=points.visibility * 0)) is None


def test_bodies_as_people() -> None:
    bodies = moving(3)
    people = as_people(bodies)
    assert people.skeleton == COCO_17.name
    seen = people.confidence[0, 0] > 0
    assert [COCO_17.joints[k] for k in seen.nonzero()[:, 0].tolist()] == sorted(
        LIMBS, key=COCO_17.joints.index
    )
    # Where a thigh begins is the hip, at the depth of which a px is a known length.
    left, right = (COCO_17.joints.index(f"{side}_hip") for side in ("left", "right"))
    middle = people.keypoints[:, :, [left, right]].mean(2)
    x, y, z = bodies.translation.unbind(-1)
    focal, centre = bodies.camera.fx, torch.tensor([320.0, 240.0])
    pelvis = torch.stack([x, -y], -1) / -z[..., None] * focal + centre
    assert (middle - pelvis).norm(dim=-1).max() < 0.1 * focal / 2
