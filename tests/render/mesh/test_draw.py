"""Drawn meshes: light, textures, transparency, footage, sizes."""

from typing import Any

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.render.mesh.instances import Instances
from kinograph.engines.render.mesh.light import Light
from kinograph.engines.render.mesh.mesh import Mesh
from kinograph.engines.render.mesh.shapes import ellipsoid
from kinograph.engines.render.mesh.tone import picture_tone, tinted
from made_meshes import camera, placed, quad, rectangle, turned

FLAT = Light(ambient=(1, 1, 1), directional=(0, 0, 0))


def test_light_is_ambient_and_directional() -> None:
    seen_by = camera((80, 80), 150.0)
    ball = ellipsoid(rings=64, segments=64)
    light = Light(ambient=(0.2, 0.3, 0.4), directional=(0.5, 0.5, 0.5), towards=(0, 3, 0))
    image, mask = draw_meshes([placed(ball, (0, 0, -5))], seen_by, 1, light=light)
    below = (mask[0] == 1) & (torch.arange(80) > 44)[:, None]
    dark = torch.tensor([0.2, 0.3, 0.4]).expand(int(below.sum()), 3)
    torch.testing.assert_close(image[0][below], dark)
    # the normal at the middle of the upper half, sideways of the ray through it
    from_above = image[0, 25, 40] - torch.tensor([0.2, 0.3, 0.4])
    ray = (40 - 25.5) / 150
    along = 5 / (1 + ray**2) ** 0.5
    y = ray * (along - (1 - 25 + along**2) ** 0.5) / (1 + ray**2) ** 0.5
    assert from_above.tolist() == pytest.approx([0.5 * y] * 3, abs=0.01)


def test_the_side_that_is_seen_is_lit() -> None:
    seen_by = camera()
    light = Light(ambient=(0, 0, 0), directional=(1, 1, 1), towards=(0, 0, 1))
    front = rectangle(20, 20, 40, 40, 2.0, seen_by)
    back = Mesh(front.vertices, front.triangles.flip(1))
    for mesh in (front, back):
        image, _ = draw_meshes([placed(mesh, cull=False)], seen_by, 1, light=light)
        assert float(image[0, 30, 30, 0]) == pytest.approx(1)


def test_panes_let_through_what_is_behind() -> None:
    seen_by = camera()
    red = rectangle(10, 10, 50, 50, 2.0, seen_by, colour=(1.0, 0.0, 0.0, 0.5))
    green = rectangle(30, 10, 70, 50, 3.0, seen_by, colour=(0.0, 1.0, 0.0, 0.5))
    wall = rectangle(40, 10, 60, 30, 4.0, seen_by, colour=(0.0, 0.0, 1.0, 1.0))
    footage = torch.full((1, 60, 80, 3), 0.4)
    for parts in ([red, green, wall], [wall, green, red]):
        image, mask = draw_meshes(
            [placed(part) for part in parts], seen_by, 1, light=FLAT, footage=footage
        )
        assert image[0, 40, 20].tolist() == pytest.approx([0.7, 0.2, 0.2])
        assert image[0, 40, 40].tolist() == pytest.approx([0.6, 0.35, 0.1])
        assert image[0, 20, 45].tolist() == pytest.approx([0.5, 0.25, 0.25])
        assert mask[0, 40, [20, 40]].tolist() == pytest.approx([0.5, 0.75])
        assert float(mask[0, 20, 45]) == 1


def test_an_occluder_hides_what_is_behind_a_pane() -> None:
    seen_by = camera()
    pane = rectangle(10, 10, 50, 50, 2.0, seen_by, colour=(1.0, 1.0, 1.0, 0.5))
    parts = [
        placed(pane),
        placed(rectangle(10, 10, 50, 30, 3.0, seen_by), occluder=True),
        placed(rectangle(10, 10, 50, 50, 4.0, seen_by)),
    ]
    _, mask = draw_meshes(parts, seen_by, 1)
    assert mask[0, [20, 40], 30].tolist() == pytest.approx([0.5, 1])


def test_holes_of_a_texture_are_holes() -> None:
    seen_by = camera()
    texture = torch.ones(2, 2, 4)
    texture[0, :, 3] = 0
    sheet = rectangle(10, 10, 50, 50, 2.0, seen_by, texture=texture)
    wall = rectangle(30, 10, 70, 50, 4.0, seen_by, colour=(0.0, 0.0, 1.0, 1.0))
    image, mask = draw_meshes([placed(sheet), placed(wall)], seen_by, 1, light=FLAT)
    assert mask[0, [15, 45], 20].tolist() == pytest.approx([0, 1])
    assert image[0, 15, 40].tolist() == pytest.approx([0, 0, 1])
    assert image[0, 45, 40].tolist() == pytest.approx([1, 1, 1])


def test_fine_textures_do_not_flicker() -> None:
    # Checks of one texel, far too fine for the picture, become an even grey.
    row = torch.arange(512) % 2
    checks = ((row[:, None] + row) % 2).float()[..., None].expand(-1, -1, 3).contiguous()
    seen_by = camera()
    sheet = rectangle(10.3, 10.2, 60.6, 50.1, 2.0, seen_by, texture=checks)
    image, mask = draw_meshes([placed(sheet)], seen_by, 1, light=FLAT)
    inner = image[0][mask[0] == 1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), rtol=0, atol=0.02)


def test_textures_repeat_where_uv_leave_them() -> None:
    seen_by = camera()
    texture = torch.zeros(64, 64, 3)
    texture[:, 32:] = 1
    square = rectangle(0, 0, 80, 60, 2.0, seen_by)
    assert square.uv is not None
    mesh = Mesh(square.vertices, square.triangles, uv=square.uv * 2 - 1, texture=texture)
    image, _ = draw_meshes([placed(mesh)], seen_by, 1, light=FLAT)
    assert image[0, 30, [10, 30, 50, 70], 0].tolist() == pytest.approx([0, 1, 0, 1])


def test_colours_multiply() -> None:
    seen_by = camera()
    square = rectangle(10, 10, 50, 50, 2.0, seen_by)
    mesh = Mesh(
        square.vertices,
        square.triangles,
        uv=square.uv,
        texture=torch.full((2, 2, 3), 0.5),
        colours=torch.tensor([[1.0, 0.5, 0.0]]).expand(4, 3).contiguous(),
        colour=(0.5, 1.0, 1.0, 1.0),
    )
    part = placed(mesh).tinted(torch.tensor([[1.0, 1.2, 1.0]]))
    image, _ = draw_meshes([part], seen_by, 1, light=FLAT)
    assert image[0, 30, 30].tolist() == pytest.approx([0.25, 0.3, 0.0])


def test_nothing_is_brighter_than_white() -> None:
    seen_by = camera()
    square = rectangle(10, 10, 50, 50, 2.0, seen_by, colour=(0.9, 0.5, 0.1, 0.5))
    part = placed(square).tinted(torch.tensor([[1.25, 1.25, 1.25]]))
    image, _ = draw_meshes([part], seen_by, 1, light=FLAT)
    assert image[0, 30, 30].tolist() == pytest.approx([0.5, 0.3125, 0.0625])
    footage = torch.ones(1, 60, 80, 3)
    image, _ = draw_meshes([part], seen_by, 1, light=Light((9, 9, 9)), footage=footage)
    assert float(image.max()) <= 1


def test_pictures_of_another_size_show_the_same() -> None:
    seen_by = camera((60, 80))
    part = placed(ellipsoid(rings=32, segments=48), (0.2, 0.1, -4))
    small, _ = draw_meshes([part], seen_by, 1)
    large, _ = draw_meshes([part], seen_by, 1, size=(180, 240))
    shrunk = torch.nn.functional.avg_pool2d(large.movedim(-1, 1), 3).movedim(1, -1)
    assert float((shrunk - small).abs().mean()) < 3e-3
    boxed, mask = draw_meshes([part], seen_by, 1, size=(60, 160), fit="letterbox")
    assert boxed[:, :, 40:120].equal(small)
    assert float(mask[:, :, :40].max()) == 0


def test_footage_stays_as_it_is_beside_the_mesh() -> None:
    seen_by = camera()
    footage = torch.rand(2, 60, 80, 3)
    before = footage.clone()
    part = placed(ellipsoid(), (0, 0, -4), (1, 0, -4))
    image, mask = draw_meshes([part], seen_by, 2, footage=footage)
    assert footage.equal(before)
    assert image[mask == 0].equal(footage[mask == 0])
    on_black, _ = draw_meshes([part], seen_by, 2)
    torch.testing.assert_close(image, on_black + footage * (1 - mask[..., None]))


def test_deformed_instances_have_the_normals_of_their_shape() -> None:
    ball = ellipsoid(rings=24, segments=32)
    stretched = ball.vertices * torch.tensor([1.0, 2.0, 1.0])
    part = Instances.deformed(ball, torch.stack([ball.vertices, stretched])[None])
    assert part.normals is not None
    torch.testing.assert_close(part.normals[0], ball.vertices, rtol=0, atol=0.03)
    wanted = torch.nn.functional.normalize(stretched / torch.tensor([1.0, 4.0, 1.0]), dim=1)
    torch.testing.assert_close(part.normals[1], wanted, rtol=0, atol=0.05)
    seam = (ball.vertices[:, None] == ball.vertices).all(2).sum(1) > 1
    assert int(seam.sum()) > 20
    torch.testing.assert_close(part.normals[0][seam], ball.vertices[seam], rtol=0, atol=0.03)


def test_tones_follow_the_picture() -> None:
    seen_by = camera()
    ball = placed(ellipsoid(), (-0.8, 0, -4), (0.8, 0, -4), (0, 0, -4))
    footage = torch.full((3, 60, 80, 3), 0.45)
    footage[1] *= 0.5
    footage[2] *= torch.tensor([1.2, 1.0, 0.6])
    tone = picture_tone(ball, seen_by, footage)
    assert tone.brightness[:2].tolist() == pytest.approx([0.45, 0.225], abs=1e-4)
    tint = tone.tint()
    torch.testing.assert_close(tint[0], torch.ones(3), rtol=0, atol=1e-3)
    torch.testing.assert_close(tint[1], torch.full((3,), 0.5), rtol=0, atol=1e-3)
    assert tint[2, 0] > tint[2, 1] > tint[2, 2]
    assert tone.tint(0).equal(torch.ones(3, 3))
    parts = [ball, placed(ellipsoid(), *[(0, 0, -4)] * 3, occluder=True)]
    lit, hidden = tinted(parts, seen_by, footage)
    assert lit.tint is not None
    assert lit.tint.equal(tint)
    assert hidden.tint is None
    with pytest.raises(InputError, match=r"strength in 0\.\.1, found 2"):
        tone.tint(2)
    with pytest.raises(InputError, match="at least 3 frames, found 2"):
        picture_tone(ball, seen_by, footage[:2])


def test_a_tone_is_measured_round_its_instance() -> None:
    seen_by = camera()
    footage = torch.zeros(1, 120, 160, 3)  # twice the camera's size
    footage[:, :, 80:] = 0.8
    moves = torch.tensor([[[-0.8, 0.0, -4.0], [0.8, 0.0, -4.0]]])
    both = Instances.rigid(ellipsoid((0.3, 0.3, 0.3)), turned(torch.zeros(1, 2)), moves)
    assert picture_tone(both, seen_by, footage).brightness.tolist() == pytest.approx([0, 0.8])


NAN = torch.tensor([[[0.0, 0.0, torch.nan]]])


def _wrong(**change: Any) -> Any:
    part = placed(ellipsoid(name="ball"), (0, 0, -4))
    given: dict[str, Any] = {"parts": [part], "camera": camera(), "frames": 1}
    return draw_meshes(**(given | change))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: _wrong(parts=[]), "expected at least one, found none"),
        (lambda: _wrong(frames=0), "ball: expected frames 0 to -1, found 0"),
        (lambda: _wrong(frames=3, camera=_two()), "camera: expected values for one frame or for 3"),
        (lambda: _wrong(footage=torch.zeros(2, 60, 80, 3)), "footage: expected 1 frame"),
        (lambda: Light(ambient=(-1, 0, 0)), "at least 0"),
        (lambda: Instances.rigid(ellipsoid(), torch.eye(3)[None, None], NAN), "NaN or infinity"),
        (lambda: camera(axes="z_up"), "expected axes y_up or y_down, found 'z_up'"),
        (lambda: camera(near=0.0), "expected a near plane above 0, found 0"),
        (lambda: camera(focal=0.0), "expected focal lengths above 0 px, found 0"),
        (lambda: camera(focal=float("nan")), "fx, fy, cx or cy is NaN"),
        (lambda: camera(size=(0, 5)), "at least 1x1, found 5x0"),
        (lambda: Camera.of_field_of_view((9, 9), 180), "less than 180 degrees, found 180"),
        (lambda: quad([(0, 0, 0)] * 4, colour=(2.0, 0.0, 0.0, 1.0)), "colour: expected red"),
    ],
)
def test_mistakes_are_named(wrong: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        wrong()


def _two() -> Camera:
    return Camera(*(torch.full((2,), 50.0) for _ in range(4)), size=(60, 80))


def test_a_field_of_view_fills_the_height() -> None:
    seen_by = Camera.of_field_of_view((200, 300), 90.0)
    assert float(seen_by.fx) == pytest.approx(100)
    wall = quad([(-1, 0.99, -1), (-1, -0.99, -1), (1, -0.99, -1), (1, 0.99, -1)])
    _, mask = draw_meshes([placed(wall)], seen_by, 1)
    assert mask[0, [0, 1, 198, 199], 150].tolist() == [0, 1, 1, 0]


def test_no_frames_are_no_pictures() -> None:
    part = Instances.rigid(ellipsoid(), torch.empty(0, 1, 3, 3), torch.empty(0, 1, 3))
    image, mask = draw_meshes([part], camera(), 0)
    assert image.shape == (0, 60, 80, 3)
    assert mask.shape == (0, 60, 80)
