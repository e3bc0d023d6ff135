"""Rasterised meshes against areas, depths and places that are known."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.render.mesh import batches, raster
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.render.mesh.instances import Instances
from kinograph.engines.render.mesh.light import Light
from kinograph.engines.render.mesh.mesh import Mesh
from kinograph.engines.render.mesh.raster import Raster
from kinograph.engines.render.mesh.shapes import ellipsoid
from kinograph.engines.render.mesh.soup import Soup
from made_meshes import camera, placed, quad, rectangle, turned

FLAT = Light(ambient=(1, 1, 1), directional=(0, 0, 0))


def covered(*parts: Instances, seen_by: Camera, samples: int = 4) -> Tensor:
    """Return the mask of the first frame."""
    image, mask = draw_meshes(parts, seen_by, 1, light=FLAT, samples=samples)
    torch.testing.assert_close(image.amax(-1), mask)  # white on black
    return mask[0]


@pytest.mark.parametrize("shift", [-0.001, 0.0, 0.001])
def test_a_pixel_is_covered_from_its_centre_on(shift: float) -> None:
    seen_by = camera()
    # A thousandth of a pixel beside the centres of columns 20 and 50 and of rows 10 and 40; edges
    # on a centre belong to the pixel on their right, or below.
    edges = (20.5 + shift, 10.5 + shift, 50.5 + shift, 40.5 + shift)
    mask = covered(placed(rectangle(*edges, 3.0, seen_by)), seen_by=seen_by, samples=1)
    first = 21 if shift > 0 else 20
    last = 50 if shift > 0 else 49
    wanted = torch.zeros(60, 80)
    wanted[first - 10 : last - 9, first : last + 1] = 1
    if shift == 0:  # on an edge to the bit: one of two neighbours, by the last bit of float32
        assert abs(int(mask.sum()) - 900) <= 61
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        return
    assert mask.equal(wanted)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-20, 20), min_size=6, max_size=6),
    st.lists(st.floats(1.0, 9.0), min_size=3, max_size=3),
    st.sampled_from([4, 8, 16]),
)
def test_antialiased_triangles_have_their_area(
    xy: list[float], z: list[float], samples: int
) -> None:
    seen_by = camera()
    places = torch.tensor(xy, dtype=torch.float64).view(3, 2)
    (ax, ay), (bx, by), (cx, cy) = places.tolist()
    area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2
    depth = torch.tensor(z, dtype=torch.float64)[:, None]
    corners = torch.cat([places / 100 * depth, -depth], 1).float()
    mesh = Mesh(corners, torch.tensor([[0, 1, 2]]))
    mask = covered(placed(mesh, cull=False), seen_by=seen_by, samples=samples)
    edge = sum(
        math.dist(one, other)
        for one, other in (((ax, ay), (bx, by)), ((bx, by), (cx, cy)), ((cx, cy), (ax, ay)))
    )
    # Each sample stands for 1/N px²; an edge may lie up to half of that off everywhere.
    assert float(mask.sum()) == pytest.approx(area, abs=0.5 + 0.6 * edge / samples)


@pytest.mark.parametrize("samples", [4, 8, 16])
@pytest.mark.parametrize("axis", [0, 1])
def test_an_edge_fades_in_as_many_steps_as_samples(samples: int, axis: int) -> None:
    seen_by = camera()
    for step in range(samples + 1):
        end = 30 + step / samples + (0.001 if step < samples else 0)
        edges = (10, 10, end, 50) if axis else (10, 10, 50, end)
        mask = covered(placed(rectangle(*edges, 2.0, seen_by)), seen_by=seen_by, samples=samples)
        line = mask[20, 30] if axis else mask[30, 20]
        assert float(line) == pytest.approx(step / samples)


def test_a_sphere_has_the_area_of_its_outline() -> None:
    seen_by = camera((200, 200), 400.0)
    ball = ellipsoid(rings=128, segments=256)
    mask = covered(placed(ball, (0, 0, -5)), seen_by=seen_by)
    radius = 400 / math.sqrt(5**2 - 1)  # of the cone that touches it
    assert float(mask.sum()) == pytest.approx(math.pi * radius**2, rel=1e-3)
    assert float(mask[100, 99 - 82]) == float(mask[100, 100 + 82]) == 0
    assert float(mask[100, 100 - 81]) == float(mask[100, 99 + 81]) == 1


def test_neighbours_share_their_edges_without_gaps_or_overlap() -> None:
    torch.manual_seed(0)
    seen_by = camera((120, 160))
    # A sheet of triangles of any shape: inner points moved, the outline kept.
    side = 20
    y, x = torch.meshgrid(torch.linspace(1, -1, side), torch.linspace(-1, 1, side), indexing="ij")
    points = torch.stack([x, y, torch.full_like(x, -1.5)], -1)
    points[1:-1, 1:-1] += (torch.rand(side - 2, side - 2, 3) - 0.5) * 0.05
    first = (torch.arange(side - 1)[:, None] * side + torch.arange(side - 1)).flatten()
    triangles = torch.cat(
        [
            torch.stack([first, first + side, first + side + 1], 1),
            torch.stack([first, first + side + 1, first + 1], 1),
        ]
    )
    sheet = Mesh(points.flatten(0, 1), triangles)
    soup = Soup.of([placed(sheet)], seen_by)
    grid = Raster(soup, 1, seen_by.size, 4)
    slots = torch.cat([slot for slot, _ in grid._fragments()])
    assert len(slots.unique()) == len(slots)
    assert len(slots) == pytest.approx(4 * 120 * 2 / 1.5 * 100, abs=120)
    mask = covered(placed(sheet), seen_by=seen_by)
    assert float(mask[:, 15:145].min()) == 1


def test_depth_is_that_of_the_plane() -> None:
    seen_by = camera()
    # A plane that recedes: z = 2 + x, with x of the point, so 1 / z is even in the picture.
    corners = [(-0.5, 0.4, -1.5), (-0.5, -0.4, -1.5), (0.6, -0.4, -2.6), (0.6, 0.4, -2.6)]
    soup = Soup.of([placed(quad(corners))], seen_by)
    grid = Raster(soup, 1, seen_by.size, 1)
    hits = grid.nearest()
    place = grid.pixels[hits.slot]
    ray = ((place % 80).double() + 0.5 - 40) / 100
    wanted = 2 / (1 - ray)
    torch.testing.assert_close(hits.depth.double(), wanted, rtol=1e-6, atol=0)
    # and the weights lead to the very point
    points = soup.view[soup.triangles[hits.source]]  # [H,3,3]
    found = (points * hits.weights.T[:, :, None]).sum(1)
    torch.testing.assert_close(found[:, 2], hits.depth, rtol=1e-5, atol=0)
    torch.testing.assert_close(found[:, 0].double(), ray * wanted, rtol=0, atol=1e-5)


def test_textures_follow_the_perspective() -> None:
    seen_by = camera((120, 160), 120.0)
    corners = [(-0.5, 0.5, -1.0), (-0.5, -0.5, -1.0), (3.0, -0.5, -6.0), (3.0, 0.5, -6.0)]
    ramp = torch.linspace(0, 1, 256).expand(8, 256)
    texture = torch.stack([ramp, ramp, ramp], -1).contiguous()
    image, mask = draw_meshes(
        [placed(quad(corners, texture=texture))], seen_by, 1, light=FLAT, samples=1
    )
    row = image[0, 60, :, 0]
    seen = (mask[0, 60] > 0).nonzero().squeeze(1)
    ray = (seen + 0.5 - 80).double() / 120
    # x = -0.5 + 3.5 u and z = 1 + 5 u on the surface
    u = (ray + 0.5) / (3.5 - 5 * ray)
    inner = (u > 0.01) & (u < 0.99)
    wanted = ((u * 256 - 0.5) / 255).float()
    # The texture's smaller versions blur along the far end.
    torch.testing.assert_close(row[seen][inner], wanted[inner], rtol=0, atol=0.01)


def test_triangles_close_to_the_camera_are_cut_not_dropped() -> None:
    seen_by = camera(near=0.1)
    # A floor from behind the camera to the horizon: all below the line of the eye is covered.
    floor = quad([(-50, -1, -500), (-50, -1, 50), (50, -1, 50), (50, -1, -500)])
    mask = covered(placed(floor, cull=False), seen_by=seen_by)
    assert float(mask[31:].min()) == 1
    assert float(mask[:30].max()) == 0
    soup = Soup.of([placed(floor, cull=False)], seen_by)
    grid = Raster(soup, 1, seen_by.size, 1)
    hits = grid.nearest()
    row = (grid.pixels[hits.slot] // 80).double() + 0.5
    torch.testing.assert_close(hits.depth.double(), 100 / (row - 30), rtol=1e-4, atol=0)
    points = soup.view[soup.triangles[hits.source]]
    found = (points * hits.weights.T[:, :, None]).sum(1)
    torch.testing.assert_close(found[:, 1], torch.ones(len(found)), rtol=0, atol=1e-4)
    torch.testing.assert_close(found[:, 2], hits.depth, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("lone", [0, 1, 2])
@pytest.mark.parametrize("behind", [1, 2])
def test_every_corner_may_be_the_one_behind(lone: int, behind: int) -> None:
    seen_by = camera(near=0.5)
    z = [-3.0, -3.0, -3.0]
    for corner in {lone} if behind == 1 else {0, 1, 2} - {lone}:
        z[corner] = 1.0
    corners = torch.tensor([[-1.0, -1.0, z[0]], [1.0, -1.0, z[1]], [0.0, 1.2, z[2]]])
    mesh = Mesh(corners, torch.tensor([[0, 1, 2]]))
    grid = Raster(Soup.of([placed(mesh, cull=False)], seen_by), 1, seen_by.size, 1)
    hits = grid.nearest()
    place = grid.pixels[hits.slot]
    rays = torch.stack([(place % 80 + 0.5 - 40) / 100, -(place // 80 + 0.5 - 30) / 100], 1)
    # Every pixel against the ray through it.
    y, x = torch.meshgrid(torch.arange(60), torch.arange(80), indexing="ij")
    every = torch.stack(
        [(x + 0.5 - 40) / 100, -(y + 0.5 - 30) / 100, torch.full_like(x, -1.0, dtype=torch.float)],
        -1,
    ).flatten(0, 1)
    weights = torch.linalg.solve(corners.double().T, every.double().T).T  # of a ray's end
    scale = weights.sum(1)
    depth = 1 / scale
    bound = torch.cat([weights / scale[:, None], depth[:, None] - 0.5], 1).amin(1)
    inside, clear = bound > 0, bound.abs() > 1e-6  # on an edge either is right
    drawn = torch.zeros(60 * 80, dtype=torch.bool)
    drawn[place] = True
    assert int(inside.sum()) > 100
    assert drawn[clear].equal(inside[clear])
    torch.testing.assert_close(hits.depth.double(), depth[place], rtol=1e-5, atol=0)
    found = (corners[None] * hits.weights.T[:, :, None]).sum(1)
    torch.testing.assert_close(found[:, :2], rays * hits.depth[:, None], rtol=1e-4, atol=1e-4)


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    seen_by = camera()
    assert float(covered(placed(ellipsoid(), (0, 0, 5)), seen_by=seen_by).max()) == 0
    assert float(covered(placed(ellipsoid(), (500, 0, -5)), seen_by=seen_by).max()) == 0


def test_the_camera_within_a_mesh_sees_its_inside() -> None:
    seen_by = camera()
    assert float(covered(placed(ellipsoid(), cull=False), seen_by=seen_by).min()) == 1
    assert float(covered(placed(ellipsoid()), seen_by=seen_by).max()) == 0


def test_culling_leaves_out_what_is_seen_from_behind() -> None:
    seen_by = camera()
    front = rectangle(20, 20, 40, 40, 2.0, seen_by)
    back = Mesh(front.vertices, front.triangles.flip(1))
    assert float(covered(placed(front), seen_by=seen_by).sum()) == pytest.approx(400, abs=1)
    assert float(covered(placed(back), seen_by=seen_by).sum()) == 0
    assert float(covered(placed(back, cull=False), seen_by=seen_by).sum()) == pytest.approx(
        400, abs=1
    )


def test_nearer_surfaces_hide_others_pixel_by_pixel() -> None:
    seen_by = camera()
    # Two planes that pass through each other in the middle of the picture.
    red = quad([(-1, 1, -2), (-1, -1, -2), (1, -1, -4), (1, 1, -4)], colour=(1.0, 0.0, 0.0, 1.0))
    blue = quad([(-1, 1, -4), (-1, -1, -4), (1, -1, -2), (1, 1, -2)], colour=(0.0, 0.0, 1.0, 1.0))
    for parts in ([placed(red), placed(blue)], [placed(blue), placed(red)]):
        image, _ = draw_meshes(parts, seen_by, 1, light=FLAT)
        assert float(image[0, 20:40, 15:39, 0].min()) == 1
        assert float(image[0, 20:40, 41:65, 2].min()) == 1
        assert float(image[0, 20:40, 15:39, 2].max()) == 0


def test_an_occluder_hides_and_is_not_seen() -> None:
    seen_by = camera()
    wall = rectangle(10, 10, 70, 50, 4.0, seen_by)
    hole = rectangle(30.25, 20, 50, 40, 2.0, seen_by)
    behind = rectangle(60, 10, 70, 50, 5.0, seen_by)
    footage = torch.full((1, 60, 80, 3), 0.25)
    parts = [placed(wall), placed(hole, occluder=True), placed(behind, occluder=True)]
    image, mask = draw_meshes(parts, seen_by, 1, light=FLAT, footage=footage)
    assert float(mask[0, 20:40, 31:50].max()) == 0
    assert float(image[0, 25, 40, 0]) == 0.25
    assert float(mask[0, 25, 30]) == pytest.approx(0.25)  # antialiased along the hidden edge, too
    assert float(image[0, 25, 30, 0]) == pytest.approx(0.25 * 0.75 + 0.25)
    assert float(mask[0, 45, 65]) == 1  # an occluder behind hides nothing


def test_principal_points_and_focal_lengths_differ_by_frame() -> None:
    values = torch.tensor([[100.0, 150.0], [100.0, 120.0], [40.0, -10.0], [30.0, 45.5]])
    moving = Camera(*values, size=(60, 80))
    mesh = ellipsoid(rings=12, segments=16)
    both = placed(mesh, (0.3, 0.2, -4), (1.3, 0.1, -4))
    _, mask = draw_meshes([both], moving, 2)
    for frame in range(2):
        alone = Camera(*values[:, frame : frame + 1], size=(60, 80))
        _, single = draw_meshes([both.within(frame, frame + 1)], alone, 1)
        assert float(single.sum()) > 20
        assert single[0].equal(mask[frame])


def test_a_batch_is_its_frames_drawn_one_by_one() -> None:
    seen_by = camera((90, 120), 130.0)
    torch.manual_seed(1)
    mesh = ellipsoid((1, 1.3, 0.8), rings=10, segments=14)
    mesh = Mesh(mesh.vertices, mesh.triangles, uv=mesh.uv, texture=torch.rand(32, 64, 3))
    frames, people = 7, 3
    turns = turned(torch.rand(frames, people) * 360, 20.0)
    moves = torch.rand(frames, people, 3) * torch.tensor([4.0, 2.0, 3.0]) - torch.tensor(
        [2.0, 1.0, 8.0]
    )
    present = torch.rand(frames, people) > 0.3
    present[2] = False
    parts = [
        Instances.rigid(mesh, turns, moves, present),
        Instances.rigid(ellipsoid((0.9, 0.9, 0.9)), turns, moves + 0.4, occluder=True),
    ]
    image, mask = draw_meshes(parts, seen_by, frames)
    for frame in range(frames):
        alone, single = draw_meshes([p.within(frame, frame + 1) for p in parts], seen_by, 1)
        assert alone[0].equal(image[frame])
        assert single[0].equal(mask[frame])
    assert float(mask[2].max()) == 0


def test_instances_in_a_frame_are_drawn_as_meshes_of_their_own() -> None:
    seen_by = camera()
    mesh = ellipsoid(rings=10, segments=14)
    turns = turned(torch.tensor([[10.0, 50.0, 80.0]]))
    moves = torch.tensor([[[-0.6, 0.0, -5.0], [0.0, 0.0, -5.6], [0.7, 0.2, -4.6]]])
    together, mask = draw_meshes([Instances.rigid(mesh, turns, moves)], seen_by, 1)
    alone = [Instances.rigid(mesh, turns[:, i : i + 1], moves[:, i : i + 1]) for i in range(3)]
    separate, other = draw_meshes(alone, seen_by, 1)
    assert together.equal(separate)
    assert mask.equal(other)


def test_work_in_pieces_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen_by = camera()
    parts = [placed(ellipsoid(), (0, 0, -4), (0.3, 0, -4))]
    whole = draw_meshes(parts, seen_by, 2)
    assert len(list(batches.batches(parts, seen_by, 2, seen_by.size, 4))) == 1
    monkeypatch.setattr(raster, "_SAMPLES_AT_ONCE", {"cpu": 500})
    monkeypatch.setattr(batches, "_SAMPLES_AT_ONCE", {"cpu": 500})
    assert len(list(batches.batches(parts, seen_by, 2, seen_by.size, 4))) == 2
    pieces = draw_meshes(parts, seen_by, 2)
    assert all(one.equal(other) for one, other in zip(whole, pieces, strict=True))


@pytest.mark.parametrize("samples", [0, 3])
def test_samples_are_of_a_known_number(samples: int) -> None:
    with pytest.raises(InputError, match=f"expected 1, 4, 8, 16 per pixel, found {samples}"):
        draw_meshes([placed(ellipsoid(), (0, 0, -4))], camera(), 1, samples=samples)
