"""Control images of shapes whose depth and normals are known."""

import math

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.render.mesh.instances import Instances
from kinograph.engines.render.mesh.outputs import draw_controls
from kinograph.engines.render.mesh.shapes import ellipsoid
from made_meshes import camera, placed, quad, rectangle


def test_depth_is_white_where_near_and_black_where_far() -> None:
    seen_by = camera()
    parts = [
        placed(rectangle(x, 10, x + 10, 50, z, seen_by)) for x, z in ((10, 1), (30, 2), (50, 4))
    ]
    inverse = draw_controls(parts, seen_by, 1, nearest=1, farthest=4)
    linear = draw_controls(parts, seen_by, 1, nearest=1, farthest=4, scale="linear")
    at = [15, 35, 55]
    assert inverse.depth[0, 30, at, 0].tolist() == pytest.approx([1, 1 / 3, 0], abs=1e-5)
    assert linear.depth[0, 30, at, 2].tolist() == pytest.approx([1, 2 / 3, 0], abs=1e-5)
    assert (inverse.nearest, inverse.farthest) == (1, 4)
    measured = draw_controls(parts, seen_by, 1)
    assert measured.nearest == pytest.approx(1)
    assert measured.depth[0, 30, at, 0].tolist() == pytest.approx([1, 0.4, 0.1], abs=1e-5)
    assert float(measured.depth[0, 5].max()) == 0
    again = draw_controls(parts, seen_by, 1, nearest=measured.nearest, farthest=measured.farthest)
    assert again.depth.equal(measured.depth)


def test_normals_are_red_to_the_left_and_green_upwards() -> None:
    seen_by = camera((80, 80), 150.0)
    ball = placed(ellipsoid(rings=64, segments=64), (0, 0, -5))
    bae = draw_controls([ball], seen_by, 1).normals[0]
    opengl = draw_controls([ball], seen_by, 1, convention="opengl").normals[0]
    torch.testing.assert_close(bae[40, 40], torch.tensor([0.5, 0.5, 1.0]), rtol=0, atol=0.02)
    assert bae[40, 20, 0] > 0.75 > 0.25 > bae[40, 60, 0]
    assert bae[20, 40, 1] > 0.75 > 0.25 > bae[60, 40, 1]
    seen = draw_controls([ball], seen_by, 1).silhouette[0] == 1
    torch.testing.assert_close(opengl[seen][:, 0], 1 - bae[seen][:, 0])
    torch.testing.assert_close(opengl[seen][:, 1:], bae[seen][:, 1:])
    assert float(bae[0, 0].max()) == 0

    # every normal of a sphere is known: that of the point in its pixel
    y, x = torch.meshgrid(torch.arange(80), torch.arange(80), indexing="ij")
    ray = torch.stack([(x + 0.5 - 40) / 150, -(y + 0.5 - 40) / 150, torch.full((80, 80), -1.0)], -1)
    ray = ray / ray.norm(dim=-1, keepdim=True)
    along = 5 * -ray[..., 2]
    reach = along - (1 - (25 - along**2)).clamp(min=0).sqrt()
    normal = ray * reach[..., None] - torch.tensor([0.0, 0, -5])
    inner = (25 - along**2 < 0.9) & seen
    torch.testing.assert_close(opengl[inner], (normal[inner] + 1) / 2, rtol=0, atol=0.01)


def test_cameras_with_y_down_give_the_same_pictures() -> None:
    up, down = camera(), camera(axes="y_down")
    ball = ellipsoid((1.0, 0.7, 0.9), rings=12, segments=16)
    one = placed(ball, (0.4, 0.3, -4))
    flip = torch.tensor([1.0, -1, -1])
    other = Instances(ball, one.vertices * flip, one.normals * flip, one.frame)
    first, second = draw_controls([one], up, 1), draw_controls([other], down, 1)
    for name in ("depth", "normals", "silhouette"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name))


def test_the_silhouette_is_the_mask_of_the_drawing() -> None:
    seen_by = camera()
    parts = [
        placed(ellipsoid(), (0, 0, -4)),
        placed(ellipsoid(), (0.5, 0, -3.5), occluder=True),
    ]
    controls = draw_controls(parts, seen_by, 1)
    _, mask = draw_meshes(parts, seen_by, 1)
    assert controls.silhouette.equal(mask)
    assert float(controls.depth[0][mask[0] == 0].max()) == 0


def test_what_is_more_than_half_transparent_is_not_there() -> None:
    seen_by = camera()
    pane = rectangle(10, 10, 50, 50, 2.0, seen_by, colour=(1.0, 1.0, 1.0, 0.4))
    wall = rectangle(30, 10, 70, 50, 4.0, seen_by)
    controls = draw_controls([placed(pane), placed(wall)], seen_by, 1, nearest=2, farthest=8)
    assert controls.silhouette[0, 30, [20, 40, 60]].tolist() == [0, 1, 1]
    grey = (1 / 4 - 1 / 8) / (1 / 2 - 1 / 8)
    assert controls.depth[0, 30, [40, 60], 0].tolist() == pytest.approx([grey, grey], abs=1e-5)


@pytest.mark.parametrize(("nearest", "farthest"), [(0.0, 0.0), (3.0, 0.0), (0.0, 3.0)])
def test_nothing_in_sight_is_black(nearest: float, farthest: float) -> None:
    hidden = [placed(ellipsoid(), (0, 0, 9)), placed(ellipsoid(), (0, 0, -9), occluder=True)]
    found = draw_controls(hidden, camera(), 1, nearest=nearest, farthest=farthest)
    assert float(found.depth.max()) == float(found.normals.max()) == 0
    assert 0 < found.nearest < found.farthest


def test_a_plane_at_one_depth_is_white() -> None:
    seen_by = camera()
    wall = quad([(-1, 1, -3), (-1, -1, -3), (1, -1, -3), (1, 1, -3)])
    found = draw_controls([placed(wall)], seen_by, 1)
    assert math.isclose(float(found.depth[0, 30, 40, 0]), 1, abs_tol=1e-4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scale": "log"}, "scale: expected one of inverse, linear, found 'log'"),
        ({"convention": "dx"}, "convention: expected one of bae, opengl, found 'dx'"),
        ({"nearest": 3, "farthest": 2}, "found nearest 3, farthest 2"),
        ({"nearest": -1}, "found nearest -1"),
        ({"nearest": math.nan}, "found nearest nan"),
    ],
)
def test_wrong_choices_are_named(wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        draw_controls([placed(ellipsoid(), (0, 0, -4))], camera(), 1, **wrong)
