"""Bodies of the people of the shipped clip, from its frames to meshes over them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.choices import FOV
from kinograph.engines.body.fit import FitState, fit_bodies
from kinograph.engines.body.ik.chain import mannequin_chain
from kinograph.engines.body.kinematics import pose_joints
from kinograph.engines.body.landmarks import BodyPoints, points_of_bodies
from kinograph.engines.body.placing import appear
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.models.registry import resolve
from kinograph.engines.pose.detect import detect_poses
from kinograph.engines.pose.skeletons import COCO_17
from kinograph.engines.pose.tracking import Tracker
from kinograph.engines.render.body_meshes import body_meshes
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.runtime.engine import Engine, build_engine
from kinograph.engines.runtime.network import network_of
from kinograph.engines.video.clip import Clip

FRAMES = [0, 10, 17, 24, 28, 32]  # with joints marked by hand
RIG = mannequin()


@pytest.fixture(scope="module")
def camera(clip: Clip) -> Camera:
    return Camera.of_field_of_view((clip.frames.shape[1], clip.frames.shape[2]), FOV)


@pytest.fixture(scope="module")
def points(clip: Clip, engine: Engine) -> BodyPoints:
    model = resolve("blazepose")
    blazepose = build_engine(model, network_of(model), backend="torch", device="cpu")
    frames = clip.frames[FRAMES]
    people = Tracker().update(detect_poses(frames, engine, max_people=2))
    return points_of_bodies(frames, people, blazepose)


@pytest.fixture(scope="module")
def bodies(points: BodyPoints, camera: Camera) -> Bodies:
    return fit_bodies(points, camera)[0]


def joints_in_frames(bodies: Bodies) -> tuple[Tensor, Tensor]:
    """Return the joints of all bodies [N,J,3] m and where they appear [N,J,2] px."""
    at = bodies.present.nonzero(as_tuple=True)
    posed = pose_joints(RIG, bodies.rotation[at], bodies.translation[at], bodies.shape[at])
    return posed.position, appear(posed.position, bodies.camera.of_frames(at[0]))


def test_joints_appear_where_they_were_marked_by_hand(bodies: Bodies) -> None:
    """Mean distance of shoulders, elbows, wrists, knees and ankles, in heights of the box."""
    people = Path(__file__).parents[1] / "data" / "pose" / "two_people.json"
    marked = json.loads(people.read_text())["annotations"]
    names = {"shoulder": "upperarm", "elbow": "lowerarm", "wrist": "hand", "knee": "calf"}
    names["ankle"] = "foot"
    pairs = [
        (COCO_17.joints.index(f"{side}_{name}"), RIG.index(f"{joint}_{side[0]}"))
        for side in ("left", "right")
        for name, joint in names.items()
    ]
    _, image = joints_in_frames(bodies)
    frame, place = bodies.present.nonzero(as_tuple=True)
    off = []
    for person in marked:
        if person["image_id"] not in FRAMES or person["iscrowd"]:
            continue
        x, y, wide, high = person["bbox"]
        boxes = bodies.boxes[frame, place]
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2 - torch.tensor([x + wide / 2, y + high / 2])
        near = (frame == FRAMES.index(person["image_id"])) & (middle.norm(dim=-1) < 60)
        for body in near.nonzero()[:, 0].tolist():
            hand = torch.tensor(person["keypoints"]).view(-1, 3)
            for joint, ours in pairs:
                if hand[joint, 2] == 2:
                    off.append(float((image[body, ours] - hand[joint, :2]).norm()) / high)
    assert len(off) > 60
    assert sum(off) / len(off) < 0.02


def test_they_stand_upright_in_metres(bodies: Bodies) -> None:
    joints, _ = joints_in_frames(bodies)
    assert (bodies.translation[..., 2][bodies.present] < -3).all()
    up = joints[:, RIG.index("head")] - joints[:, [RIG.index("foot_l"), RIG.index("foot_r")]].mean(
        1
    )
    assert ((up[:, 1] > 1.1) & (up[:, 1] < 1.7)).all()
    size = bodies.shape[..., RIG.shapes.index("size")][bodies.present]
    assert (size.abs() < 0.15).all()
    turns = bodies.rotation[bodies.present]
    assert torch.allclose(torch.linalg.det(turns), torch.ones(turns.shape[:2]), atol=1e-4)
    # The man in front faces the camera.
    assert bodies.rotation[0, 0, 0, 2, 2] > 0.8


def test_confidence_is_that_of_what_is_seen(bodies: Bodies) -> None:
    sure = bodies.confidence[0, 0]
    assert sure[RIG.index("upperarm_l")] > 0.8
    assert sure[RIG.index("spine_02")] > 0.8
    assert sure[RIG.index("index_01_l")] == 0  # nobody looks at fingers


def test_chunks_are_the_whole(points: BodyPoints, bodies: Bodies, camera: Camera) -> None:
    for cuts in ((1,), (2, 4)):
        state: FitState | None = None
        parts = []
        for start, stop in zip((0, *cuts), (*cuts, len(points)), strict=True):
            part, state = fit_bodies(points.slice(start, stop), camera, state)
            parts.append(part)
        joined = Bodies.cat(parts)
        for name in ("rotation", "translation", "shape", "confidence", "track_ids"):
            assert torch.equal(getattr(joined, name), getattr(bodies, name)), name


def test_a_body_that_is_not_seen_keeps_its_pose(points: BodyPoints, camera: Camera) -> None:
    hidden = points.slice(0, 3)
    seen = torch.tensor([1.0, 0, 1])[:, None, None]
    hidden = replace(hidden, visibility=hidden.visibility * seen)
    bodies, _ = fit_bodies(hidden, camera)
    assert torch.equal(bodies.rotation[1, 0], bodies.rotation[0, 0])
    assert bodies.confidence[1].max() == 0
    assert not torch.equal(bodies.rotation[2, 0], bodies.rotation[0, 0])


def test_nobody(points: BodyPoints, camera: Camera) -> None:
    nobody = replace(points, count=points.count * 0)
    bodies, _ = fit_bodies(nobody, camera)
    assert bodies.count.tolist() == [0] * len(FRAMES)
    assert bodies.rotation.abs().max() == 0


def test_other_points_are_refused(points: BodyPoints, camera: Camera) -> None:
    fewer = replace(
        points,
        points=points.points[:, :, :20],
        world=points.world[:, :, :20],
        visibility=points.visibility[:, :, :20],
        names=points.names[:20],
    )
    with pytest.raises(InputError, match=r"expected .*left_heel.* among them"):
        fit_bodies(fewer, camera)
    assert set(mannequin_chain().points) <= set(points.names)


def test_meshes_cover_the_people(bodies: Bodies) -> None:
    _, mask = draw_meshes([body_meshes(bodies)], bodies.camera, len(bodies))
    frame, place = bodies.present.nonzero(as_tuple=True)
    for number, (x0, y0, x1, y1) in zip(frame, bodies.boxes[frame, place].int(), strict=True):
        covered = mask[number, max(0, y0) : y1, max(0, x0) : x1].mean()
        assert 0.15 < covered < 0.6
