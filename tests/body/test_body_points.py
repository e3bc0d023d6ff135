"""Bodies as poses, and as ComfyUI's SAM 3D Body nodes hand them on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kinograph.engines.body.as_poses import as_poses
from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.ik.chain import mannequin_chain
from kinograph.engines.body.mhr_pose_data import POINTS, to_mhr_pose_data
from kinograph.engines.body.points import points_named
from kinograph.engines.body.rig import mannequin
from kinograph.engines.body.skinning import skin
from kinograph.engines.errors import InputError
from kinograph.engines.pose.skeletons import COCO_17
from made_bodies import joints_of, moving

RIG = mannequin()


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    made = moving(2)
    confidence = made.confidence.clone()
    confidence[0, 1] = 0  # not seen
    return replace(made, confidence=confidence, count=torch.tensor([2, 1]))


def test_joints_are_where_they_appear(bodies: Bodies) -> None:
    poses = as_poses(bodies)
    assert (poses.skeleton, poses.canvas, len(poses)) == ("coco_17", (480, 640), 2)
    assert torch.equal(poses.track_ids, bodies.track_ids)
    place = joints_of(bodies, RIG)[0, 0, RIG.index("hand_l")]
    focal = float(bodies.camera.fx)
    found = poses.keypoints[0, 0, COCO_17.joints.index("left_wrist")]
    wanted = (320 - focal * place[0] / place[2], 240 + focal * place[1] / place[2])
    assert found.tolist() == pytest.approx([float(at) for at in wanted], abs=1e-2)
    assert poses.confidence[0].amax(-1).tolist() == [1, 0]
    assert poses.keypoints[1, 1].abs().max() == 0  # a place that nobody takes


def test_points_on_the_surface_move_and_grow_with_the_body(bodies: Bodies) -> None:
    """The nose is a vertex of the head, in every size of the body."""
    shape = torch.zeros_like(bodies.shape)
    shape[..., RIG.shapes.index("size")] = 0.2
    large = replace(bodies, shape=shape)
    found = points_named(large, ["nose", "left_eye", "no such point"])
    at = large.present.nonzero(as_tuple=True)
    surface = skin(RIG, large.rotation[at], large.translation[at], shape[at]).vertices
    rest = mannequin_chain().rest_point("nose")
    vertex = int((RIG.template - rest).norm(dim=1).argmin())
    assert (found.places[:, 0] - surface[:, vertex]).norm(dim=-1).max() < 2e-3
    eye = (found.places[:, 1, None] - surface).norm(dim=-1).amin(1)
    assert eye.max() < 5e-3
    assert found.places[:, 2].isnan().all()
    assert found.sure[:, 2].max() == 0


def test_mhr_pose_data(bodies: Bodies) -> None:
    made = to_mhr_pose_data(bodies)
    assert made["image_size"] == (480, 640)
    assert [len(people) for people in made["frames"]] == [2, 1]
    assert made["faces"].shape == RIG.triangles.shape
    hand = made["hand_vert_mask"]
    assert 0.1 < hand.mean() < 0.5
    assert np.abs(RIG.template.numpy()[hand][:, 0]).min() > 0.3  # hands hang beside the body
    person = made["frames"][0][0]
    seen = person["pred_vertices"] + person["pred_cam_t"]
    assert seen[:, 2].min() > 0  # z away from the camera
    focal = person["focal_length"]
    place = person["pred_keypoints_3d"] + person["pred_cam_t"]
    image = place[:, :2] * focal / place[:, 2:] + [320, 240]
    known = ~np.isnan(image[:, 0])
    assert {POINTS[number] for number in np.nonzero(~known)[0]} == {""}
    assert np.abs(image - person["pred_keypoints_2d"])[known].max() < 1e-2
    joints = joints_of(bodies, RIG)[0, 0]
    thumb = joints[RIG.index("thumb_03_r")].numpy() * [1, -1, -1]
    assert np.abs(place[POINTS.index("right_thumb_03")] - thumb).max() < 1e-5
    assert np.array_equal(person["bbox"], bodies.boxes[0, 0].numpy())


def test_a_camera_that_looks_aside_is_refused(bodies: Bodies) -> None:
    aside = replace(bodies, camera=replace(bodies.camera, cx=torch.tensor([350.0])))
    with pytest.raises(InputError, match="bodies: their camera looks 30 px past the middle"):
        to_mhr_pose_data(aside)
