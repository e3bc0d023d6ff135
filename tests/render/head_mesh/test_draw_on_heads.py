"""Meshes on heads: where they are, what hides them, what is left alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinograph.engines.errors import InputError
from kinograph.engines.head.heads import Heads
from kinograph.engines.render.head_mesh.draw import Fit, draw_on_heads
from kinograph.engines.render.head_mesh.heads_found import HeadsFound, projected
from kinograph.engines.render.head_mesh.outfit import Outfit, outfit
from kinograph.engines.render.head_mesh.placement import Placement
from kinograph.engines.render.head_mesh.skull import face_mesh
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.render.mesh.instances import Instances
from kinograph.engines.render.mesh.mesh import Mesh
from kinograph.engines.render.mesh.shapes import ellipsoid
from pictured_heads import heads_at, pictures

PLAIN = Fit(light=0, shadow=0, grain=0, blur=0)
TURNS = [(0.0, 0.0), (50.0, 0.0), (-80.0, 5.0), (25.0, 30.0)]


def wearing(name: str = "medical_mask", **more: str) -> Outfit:
    return outfit(name, placement=Placement(), **more)  # type: ignore[arg-type]


def test_vertices_appear_where_the_camera_sees_them() -> None:
    heads = heads_at([(30.0, -12.0)], [(5.0, -3.0, -70.0)], size=(720, 1280))
    worn, _, _ = wearing(following="rigid").on(HeadsFound.of(heads))
    found = projected(worn[0].vertices, worn[0].frame, heads.camera)[0].double()
    turn, move = heads.rotation[0, 0].double(), heads.translation[0, 0].double()
    mask = wearing().worn[0].mesh.vertices.double()
    x, y, z = (mask @ turn.mT + move).unbind(1)
    focal = 360 / torch.tan(torch.deg2rad(torch.tensor(10.0, dtype=torch.float64)))
    right = torch.stack([640 + focal * x / -z, 360 - focal * y / -z], 1)
    assert float((found - right).norm(dim=1).max()) < 1e-3  # px


def test_a_small_ball_is_drawn_at_its_anchor() -> None:
    ball = Placement("nose_tip").of([ellipsoid((0.5, 0.5, 0.5), name="nose")])
    heads = heads_at([(40.0, 0.0)], [(4.0, 2.0, -80.0)], size=(240, 320))
    _, mask = draw_on_heads(pictures(heads), heads, Outfit.of(ball), fit=PLAIN)
    y, x = torch.meshgrid(torch.arange(240) + 0.5, torch.arange(320) + 0.5, indexing="ij")
    middle = [float((at * mask[0]).sum() / mask[0].sum()) for at in (x, y)]
    assert middle == pytest.approx(heads.landmarks[0, 0, 4, :2].tolist(), abs=1.0)


def test_nobody_is_untouched_bit_for_bit() -> None:
    heads = heads_at(TURNS)
    heads = replace(heads, count=torch.tensor([1, 0, 0, 1]))
    frames = torch.rand(4, 120, 160, 3, generator=torch.Generator().manual_seed(1)) * 1.1 - 0.05
    before = frames.clone()
    image, mask = draw_on_heads(frames, heads, wearing())
    assert torch.equal(frames, before)
    assert torch.equal(image[1:3], frames[1:3])
    assert not mask[1:3].any()
    assert float(mask[0].sum()) > 500
    away = (mask == 0)[..., None] & (image != frames)
    assert int(away.sum()) < 0.05 * image.numel()  # the shadow
    image, _ = draw_on_heads(frames, heads, wearing(), fit=Fit(shadow=0))
    assert torch.equal(image[mask == 0], frames[mask == 0])


@pytest.mark.parametrize("name", ["medical_mask", "glasses"])
def test_chunks_are_the_whole(name: str) -> None:
    heads = heads_at(TURNS * 2)
    frames = pictures(heads, (1.0, 0.5, 1.0), noise=0.03)
    frames[5] = torch.nn.functional.avg_pool2d(frames[5].movedim(-1, 0), 5, 1, 2).movedim(0, -1)
    image, mask = draw_on_heads(frames, heads, wearing(name, following="full"))
    for size in (1, 3):
        for at in range(0, 8, size):
            part = slice(at, at + size)
            here = heads.slice(at, min(at + size, 8))
            again = draw_on_heads(frames[part], here, wearing(name, following="full"))
            assert torch.equal(again[0], image[part])
            assert torch.equal(again[1], mask[part])


def test_grain_differs_from_frame_to_frame() -> None:
    heads = heads_at([(0.0, 0.0)] * 2)
    frames = pictures(heads, noise=0.04)
    image, mask = draw_on_heads(frames, heads, wearing(), fit=Fit(light=0, shadow=0, blur=0))
    plain, _ = draw_on_heads(frames, heads, wearing(), fit=PLAIN)
    noise = (image - plain)[:, 80:95, 70:90].mean(-1)
    assert float(mask[:, 80:95, 70:90].min()) == 1
    assert float(noise.std()) == pytest.approx(0.04, rel=0.25)
    assert float((noise[0] * noise[1]).mean().abs()) < 0.2 * 0.04**2


def test_the_nearer_head_covers_the_farther_one() -> None:
    places = [(0.0, 0.0, -80.0), (4.0, 0.0, -110.0)]
    both = heads_at([(0.0, 0.0)] * 2, places, per_frame=2)
    alone = heads_at([(0.0, 0.0)], places[:1])
    frames = torch.full((1, 120, 160, 3), 0.5)
    _, two = draw_on_heads(frames, both, wearing(following="rigid"), fit=PLAIN)
    _, one = draw_on_heads(frames, alone, wearing(following="rigid"), fit=PLAIN)
    silhouette = draw_meshes(
        [Instances.rigid(face_mesh(), alone.rotation, alone.translation)], alone.camera, 1
    )[1]
    inside = -F.max_pool2d(-silhouette, 5, 1, 2)[0] == 1
    more = two[0] - one[0]
    assert float(more.max()) == 1  # beside the near head
    assert float(more[inside].max()) == 0  # but not on it
    # in any order
    other = heads_at([(0.0, 0.0)] * 2, places[::-1], per_frame=2)
    _, swapped = draw_on_heads(frames, other, wearing(following="rigid"), fit=PLAIN)
    torch.testing.assert_close(swapped, two)


def test_the_far_ear_loop_lies_behind_the_head() -> None:
    heads = heads_at([(75.0, 0.0), (-75.0, 0.0)], size=(240, 320))
    frames = torch.full((2, 240, 320, 3), 0.5)
    mask = wearing().worn[0].mesh
    corners = mask.vertices[mask.triangles]
    behind = corners[..., 2].amax(1) < -2.0  # the loops, at the ears
    seen = []
    for side in (-1, 1):
        loop = Mesh(mask.vertices, mask.triangles[behind & (corners[:, 0, 0] * side > 0)])
        _, drawn = draw_on_heads(frames, heads, Outfit.of([loop]), fit=PLAIN)
        seen.append(drawn.sum((1, 2)))
    assert float(seen[0][1]) == float(seen[1][0]) == 0
    assert min(float(seen[0][0]), float(seen[1][1])) > 40


def test_from_behind_the_head_hides_the_cloth() -> None:
    heads = heads_at([(165.0, 0.0), (-165.0, 15.0), (180.0, -20.0)], size=(240, 320))
    mask = wearing().worn[0].mesh
    corners = mask.vertices[mask.triangles]
    cloth = (corners[..., 2].amin(1) > 2.0) & (corners[..., 1].amin(1) > -6.0)  # above the jaw
    front = Outfit.of([Mesh(mask.vertices, mask.triangles[cloth])])
    _, seen = draw_on_heads(torch.full((3, 240, 320, 3), 0.5), heads, front, fit=PLAIN)
    _, facing = draw_on_heads(
        torch.full((1, 240, 320, 3), 0.5), heads_at(size=(240, 320)), front, fit=PLAIN
    )
    assert float(facing.sum()) > 3000
    assert float(seen.sum((1, 2)).max()) < 0.03 * float(facing.sum())


def test_a_head_at_the_edge_or_around_the_camera() -> None:
    places = [(-11.0, 0.0, -80.0), (0.0, -12.0, -80.0), (0.0, 0.0, -5.0), (0.0, 0.0, 30.0)]
    heads = heads_at([(20.0, 0.0)] * 4, places)
    frames = torch.full((4, 120, 160, 3), 0.5)
    image, mask = draw_on_heads(frames, heads, wearing(following="rigid"))
    assert bool(image.isfinite().all())
    assert float(mask[0, :, 0].max()) == 1  # up to the edge, also after a blur
    assert float(mask[1, -1].max()) == 1
    assert not mask[3].any()  # behind the camera


def test_frames_of_another_size_than_the_heads_were_found_in() -> None:
    heads = heads_at([(20.0, 0.0)])
    small, large = torch.full((1, 120, 160, 3), 0.5), torch.full((1, 240, 320, 3), 0.5)
    _, one = draw_on_heads(small, heads, wearing(), fit=PLAIN)
    _, two = draw_on_heads(large, heads, wearing(), fit=PLAIN)
    halved = torch.nn.functional.avg_pool2d(two, 2)
    assert float((halved - one).abs().mean()) < 0.01


def test_heads_without_landmarks_wear_it_rigidly() -> None:
    bare, full = heads_at(TURNS, points=0), heads_at(TURNS)
    frames = pictures(full)
    one = draw_on_heads(frames, bare, wearing(following="full"))
    two = draw_on_heads(frames, full, wearing(following="rigid"))
    assert torch.equal(one[0], two[0])


def test_what_does_not_fit() -> None:
    heads = heads_at(TURNS)
    frames = torch.full((3, 120, 160, 3), 0.5)
    with pytest.raises(InputError, match=r"heads: found in 4 frames, but image holds 3"):
        draw_on_heads(frames, heads, wearing())
    with pytest.raises(InputError, match=r"image: expected 3 channels"):
        draw_on_heads(torch.full((4, 120, 160, 4), 0.5), heads, wearing())
    with pytest.raises(InputError, match=r"shadow: expected a strength in 0..1, found 1.5"):
        Fit(shadow=1.5)
    broken = replace(heads, translation=heads.translation * float("nan"))
    with pytest.raises(InputError, match=r"a vertex is placed at NaN"):
        draw_on_heads(torch.full((4, 120, 160, 3), 0.5), broken, wearing(following="rigid"))


@pytest.fixture(scope="module")
def portraits() -> tuple[Tensor, Heads]:
    heads = heads_at([(-65.0, 0.0), (20.0, 15.0)], size=(112, 96))
    return pictures(heads, (-0.6, 0.6, 1.0), noise=0.02), heads


@pytest.mark.parametrize("name", ["medical_mask", "glasses"])
def test_golden(
    portraits: tuple[Tensor, Heads], golden: Callable[[str, Tensor], None], name: str
) -> None:
    frames, heads = portraits
    image, _ = draw_on_heads(frames, heads, wearing(name))
    golden(f"{name}_on_heads", torch.cat(list(image), 1))
