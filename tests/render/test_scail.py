"""SCAIL's capsules: against marched rays, as SCAIL's own renderer draws, and what is on top."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.body.points import points_named
from kinograph.engines.body.rig import mannequin
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.pose.poses import Poses
from kinograph.engines.pose.skeletons import OPENPOSE_18, OPENPOSE_134
from kinograph.engines.render.capsules.cast import Capsules, cast
from kinograph.engines.render.capsules.scail import Fade, depth_ends, draw_scail
from made_bodies import moving

SIZE = (96, 160)
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    """Two bodies in three frames, nobody in the second; with tracks 4 and 7."""
    made = moving(3)
    made = replace(made, canvas=SIZE, camera=Camera.of_field_of_view(SIZE, 40.0))
    made = replace(made, boxes=torch.zeros(3, 2, 4), track_ids=torch.tensor([[4, 7]] * 3))
    return replace(made, count=torch.tensor([2, 0, 2]))


# SCAIL-Pose's own order, nlf_render.py: pairs of OpenPose's joints, colours of one person.
LIMBS = [
    *[(1, 2, "ff0000"), (2, 3, "ff5500"), (3, 4, "ffaa00"), (1, 5, "00ffff"), (5, 6, "00aaff")],
    *[(6, 7, "0055ff"), (1, 8, "b4ff00"), (8, 9, "00ff00"), (9, 10, "00ff55"), (1, 11, "0000ff")],
    *[(11, 12, "5500ff"), (12, 13, "aa00ff"), (1, 0, "969696")],
]
NAMES = ["head", "neck"]
for side in ("right", "left"):
    NAMES += [f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist")]
for side in ("right", "left"):
    NAMES += [f"{side}_{joint}" for joint in ("hip", "knee", "ankle")]


def marched(bodies: Bodies, frame: int) -> Floats:
    """[H,W,3]: rays step by the distance to the nearest capsule, as in taichi_cylinder.py, with the
    normal from differences of distances. In m; SCAIL's unit is mm."""
    height, width = bodies.canvas
    places = points_named(bodies.slice(frame, frame + 1), NAMES).places.double().numpy()
    places = places * [1, -1, -1]
    every = points_named(bodies, NAMES).places.double().numpy() * [1, -1, -1]
    near, far = every[..., 2].min(), min(every[..., 2].max() + 6, 20)
    start = np.concatenate([person[[a for a, _, _ in LIMBS]] for person in places])
    along = np.concatenate([person[[b for _, b, _ in LIMBS]] for person in places]) - start
    colour = np.array([list(bytes.fromhex(c)) for _, _, c in LIMBS] * len(places)) / 300 + 0.15
    length = np.linalg.norm(along, axis=1)

    def distance(points: Floats) -> tuple[Floats, NDArray[np.int64]]:
        off = points[:, None] - start
        t = np.clip((off * along).sum(-1) / length**2, 0, 1)
        each = np.linalg.norm(off - t[..., None] * along, axis=-1) - 0.0215
        return each.min(1), each.argmin(1)

    focal = float(bodies.camera.fx)
    y, x = np.mgrid[:height, :width] + 0.5
    ray = np.stack([(x - width / 2) / focal, (y - height / 2) / focal, np.ones_like(x)], -1)
    ray = (ray / np.linalg.norm(ray, axis=-1, keepdims=True)).reshape(-1, 3)
    t = np.full(len(ray), 0.1)
    left, which = np.full(len(ray), np.inf), np.zeros(len(ray), np.int64)
    for _ in range(100):
        on = (left > 1e-7) & (t < 6)
        left[on], which[on] = distance(ray[on] * t[on, None])
        t[on] += left[on]
    hit = left <= 1e-6
    points, ray = ray[hit] * t[hit, None], ray[hit]
    normal = np.stack(
        [distance(points + step)[0] - distance(points - step)[0] for step in np.eye(3) * 1e-5],
        -1,
    )
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    half = -ray - [0, 0, 1]
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    dim = np.clip(1 - (points[:, 2] - near) / (far - 1e-4), 0, 1)[:, None]
    lit = 0.3 + 0.7 * np.clip(-normal[:, 2:], 0, None)
    shine = 0.5 * np.clip((normal * half).sum(1, keepdims=True), 0, None) ** 32
    picture = np.zeros((height * width, 3))
    picture[hit] = np.clip((colour[which[hit]] * lit + shine) * dim, 0, 1)
    return picture.reshape(height, width, 3)


def test_as_scail_marches(bodies: Bodies) -> None:
    image, mask = draw_scail(bodies)
    wanted = marched(bodies, 0)
    found = image[0].double().numpy()
    drawn = wanted.max(-1) > 0
    assert drawn.sum() > 300
    assert (drawn != (mask[0].numpy() > 0)).sum() <= 0.01 * drawn.sum()
    differ = np.abs(found - wanted).max(-1) > 0.01
    # Where two limbs meet in a joint, either may be the nearest by the last bit.
    assert differ.sum() <= 0.02 * drawn.sum()
    assert not image[1].any()
    assert torch.equal(mask > 0, image.amax(-1) > 0)


def test_frames_do_not_depend_on_each_other(bodies: Bodies) -> None:
    fade = Fade.of(depth_ends(bodies))
    whole, _ = draw_scail(bodies)
    for f in range(3):
        single, _ = draw_scail(bodies.slice(f, f + 1), fade=fade)
        assert torch.equal(single[0], whole[f])


def test_depth_fades_as_scail_s() -> None:
    assert Fade.of(torch.tensor([2.0, 5.0])) == Fade(2.0, pytest.approx(11 - 1e-4))
    assert Fade.of(torch.tensor([2.0, 18.0])).over == pytest.approx(20 - 1e-4)
    assert Fade.of(torch.tensor([torch.inf, -torch.inf])).over == 20


def test_two_people_by_track(bodies: Bodies) -> None:
    alike, _ = draw_scail(bodies)
    apart, mask = draw_scail(bodies, colours="track")
    assert torch.equal(mask > 0, alike.amax(-1) > 0)
    assert not torch.equal(alike, apart)
    untracked = replace(bodies, track_ids=torch.full_like(bodies.track_ids, -1))
    assert torch.equal(draw_scail(untracked, colours="track")[0], alike)
    even = replace(bodies, track_ids=torch.full_like(bodies.track_ids, 2))
    assert draw_scail(even, colours="track")[0].mean() > apart.mean()  # the first's are lighter


def test_size_and_fit_move_what_is_drawn(bodies: Bodies) -> None:
    wide, _ = draw_scail(bodies, size=(SIZE[0] * 2, SIZE[1] * 2))
    small, _ = draw_scail(bodies)
    shrunk = torch.nn.functional.avg_pool2d(wide.movedim(-1, 1), 2).movedim(1, -1)
    assert float((shrunk - small).abs().mean()) < 0.02
    boxed, _ = draw_scail(bodies, size=(160, 160), fit="letterbox")
    assert boxed.shape == (3, 160, 160, 3)
    assert float((boxed[:, 32:128] - small).abs().mean()) < 1e-3


def seen(poses: Poses, *joints: int) -> Poses:
    poses.confidence[:, :, list(joints)] = 1
    poses.count[:] = 1
    return poses


def test_hands_and_face_on_top(bodies: Bodies) -> None:
    parts = OPENPOSE_134.parts
    poses = Poses.empty(3, SIZE, skeleton=OPENPOSE_134.name)
    brow, jaw, hand = parts["face"].start + 20, parts["face"].start + 3, parts["left_hand"].start
    for joint, spot in ((brow, (20, 30)), (jaw, (40, 30)), (hand, (60, 30)), (2, (80, 30))):
        poses.keypoints[:, :, joint] = torch.tensor([*spot]).float()
    nobody = replace(bodies, count=torch.zeros(3, dtype=torch.int64))
    image, mask = draw_scail(nobody, poses=seen(poses, brow, jaw, hand, 2))
    assert image[0, 30, 20].tolist() == [1, 1, 1]
    assert image[0, 30, 60].tolist() == [0, 0, 1]
    assert not image[0, 30, 40].any()  # jaws are left out,
    assert not image[0, 30, 80].any()  # and shoulders, which are capsules
    assert torch.equal(mask > 0, image.amax(-1) > 0)
    # blue leaves what is red and green beneath it
    below, _ = draw_scail(bodies)
    at = (below[0, ..., 0] > 0.3).nonzero()[0]
    poses.keypoints[:, :, hand] = at.flip(0).float()
    found, _ = draw_scail(bodies, poses=poses)
    y, x = at.tolist()
    assert found[0, y, x].tolist() == [*below[0, y, x, :2].tolist(), 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colours": "red"}, "colours: expected one of style, track, found 'red'"),
        ({"poses": Poses.empty(2, SIZE, skeleton=OPENPOSE_18.name)}, "poses: expected 3 frames"),
        ({"fade": Fade(1.0, 0.0)}, "fades_over: expected more than 0 m, found 0"),
        ({"size": (0, 4)}, "expected at least 1x1"),
    ],
)
def test_what_is_refused(bodies: Bodies, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw_scail(bodies, **options)


def test_nobody_and_behind_the_camera(bodies: Bodies) -> None:
    empty = Bodies.empty(2, SIZE, bodies.camera, mannequin())
    assert not draw_scail(empty)[0].any()
    behind = replace(bodies, translation=-bodies.translation)
    image, mask = draw_scail(behind)
    assert not mask.any()
    assert bool(image.isfinite().all())


def test_a_ball_and_a_capsule_seen_from_its_end() -> None:
    camera = Camera.of_field_of_view(SIZE, 40.0)
    spot, behind = torch.tensor([[0.0, 0, 2]]), torch.tensor([[0.0, 0, 3]])
    ball, end_on = (
        cast(Capsules(torch.zeros(1, dtype=torch.int64), spot, end, 0.2), camera, 1, SIZE)
        for end in (spot, behind)
    )
    assert torch.equal(ball.place, end_on.place)
    torch.testing.assert_close(end_on.depth, ball.depth)
    assert float(ball.depth.min()) == pytest.approx(1.8, abs=1e-3)
    assert bool((ball.normal.norm(dim=1) - 1).abs().max() < 1e-3)
    # the silhouette is that of a ball: sin of the angle is radius / distance
    focal = float(camera.fx)
    radius = focal * np.tan(np.arcsin(0.1))
    assert len(ball.place) == pytest.approx(np.pi * radius**2, rel=0.03)
