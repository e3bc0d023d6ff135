"""Light, shadow, blur and grain as the picture has them, against known ones."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinograph.engines.render.head_mesh import soften
from kinograph.engines.render.head_mesh.camera_look import look_of_frames
from kinograph.engines.render.head_mesh.glasses import glasses
from kinograph.engines.render.head_mesh.grain import grain
from kinograph.engines.render.head_mesh.heads_found import HeadsFound
from kinograph.engines.render.head_mesh.picture_light import picture_shade
from kinograph.engines.render.head_mesh.shadow import shadowed_face
from kinograph.engines.render.head_mesh.skull import face_mesh
from kinograph.engines.render.head_mesh.soften import softened
from kinograph.engines.render.mesh.mesh import Mesh
from kinograph.engines.render.mesh.shapes import ellipsoid
from kinograph.engines.render.mesh.tubes import tube
from pictured_heads import heads_at, pictures


@pytest.mark.parametrize("towards", [(1.0, 0.3, 1.0), (-1.0, 0.3, 1.0), (0.0, 1.0, 0.6)])
def test_the_direction_of_the_light(towards: tuple[float, float, float]) -> None:
    turns = [(0.0, 0.0), (35.0, 10.0), (-35.0, 0.0)]
    heads = heads_at(turns)
    shade = picture_shade(HeadsFound.of(heads), pictures(heads, towards), heads.camera)
    right = F.normalize(torch.tensor(towards), dim=0)
    for found in shade[:, 1:]:
        assert float(F.normalize(found, dim=0) @ right) > 0.85
        assert 0.15 < float(found.norm()) <= 0.5


def test_a_face_that_is_not_seen_is_lit_evenly() -> None:
    heads = heads_at([(180.0, 0.0), (0.0, 0.0)], [(0.0, 0.0, -80.0), (200.0, 0.0, -80.0)])
    frames = torch.rand(2, 120, 160, 3, generator=torch.Generator().manual_seed(0))
    shade = picture_shade(HeadsFound.of(heads), frames, heads.camera)
    assert shade.tolist() == [[1.0, 0.0, 0.0, 0.0]] * 2


def checks(size: int = 240) -> Tensor:
    """Return a sharp chart [1,H,W,3] of grey fields with slanting edges."""
    y, x = torch.meshgrid(torch.arange(4.0 * size), torch.arange(4.0 * size), indexing="ij")
    fields = ((x + 0.2 * y) / 90).floor() + ((y - 0.2 * x) / 90).floor()
    chart = 0.3 + 0.4 * (fields.remainder(2))
    return F.avg_pool2d(chart[None, None], 4)[0, 0, :, :, None].expand(-1, -1, 3)[None]


def blurred(image: Tensor, sigma: float) -> Tensor:
    at = torch.arange(-20, 21.0)
    bell = (-(at / sigma).square() / 2).exp()
    bell /= bell.sum()
    planes = image.movedim(-1, 1)
    planes = (
        F.conv2d(
            F.pad(planes, (20, 20, 0, 0), mode="replicate").flatten(0, 1)[:, None],
            bell.view(1, 1, 1, -1),
        )
        .unflatten(0, (-1, 3))
        .squeeze(2)
    )
    planes = (
        F.conv2d(
            F.pad(planes, (0, 0, 20, 20), mode="replicate").flatten(0, 1)[:, None],
            bell.view(1, 1, -1, 1),
        )
        .unflatten(0, (-1, 3))
        .squeeze(2)
    )
    return planes.movedim(1, -1)


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
def test_blur_is_measured(sigma: float) -> None:
    heads = heads_at(size=(240, 240))
    look = look_of_frames(blurred(checks(), sigma), HeadsFound.of(heads), heads.camera)
    assert float(look.blur[0]) == pytest.approx(sigma, rel=0.2)


def test_sharp_edges_have_no_blur_and_flat_pictures_none() -> None:
    heads = heads_at(size=(240, 240))
    sharp = look_of_frames(checks(), HeadsFound.of(heads), heads.camera)
    assert float(sharp.blur[0]) < 0.6
    flat = look_of_frames(torch.full((1, 240, 240, 3), 0.5), HeadsFound.of(heads), heads.camera)
    assert (float(flat.blur[0]), float(flat.grain[0])) == (0.0, 0.0)


@pytest.mark.parametrize("sigma", [0.01, 0.04])
def test_grain_is_measured(sigma: float) -> None:
    heads = heads_at(size=(240, 240))
    frames = pictures(heads, noise=sigma)
    look = look_of_frames(frames, HeadsFound.of(heads), heads.camera)
    assert float(look.grain[0]) == pytest.approx(sigma, rel=0.2)


def test_the_largest_face_is_measured_and_frames_without_any_are_not() -> None:
    heads = heads_at(
        [(0.0, 0.0)] * 2, [(-10.0, 0.0, -200.0), (4.0, 0.0, -80.0)], size=(240, 240), per_frame=2
    )
    frames = pictures(heads, noise=0.03)
    frames[:, :, :100] = 0.5
    look = look_of_frames(frames, HeadsFound.of(heads), heads.camera)
    assert float(look.grain[0]) > 0.02
    nobody = HeadsFound.of(replace(heads, count=torch.tensor([0])))
    assert look_of_frames(frames, nobody, heads.camera).grain.tolist() == [0.0]


def test_noise_is_normal_white_and_its_own_in_each_frame() -> None:
    place = torch.arange(200 * 300)
    one, other = (grain(place, torch.tensor(seed)).view(200, 300) for seed in (1, 2))
    for noise in (one, other):
        assert float(noise.mean()) == pytest.approx(0, abs=0.02)
        assert float(noise.std()) == pytest.approx(1, abs=0.02)
        assert float((noise.abs() < 1).float().mean()) == pytest.approx(0.683, abs=0.01)
        for shifted in (noise.roll(1, 0), noise.roll(1, 1)):
            assert float((noise * shifted).mean().abs()) < 0.02
    assert float((one * other).mean().abs()) < 0.02


def test_a_softened_drawing_is_a_gaussian_of_it() -> None:
    layer = torch.zeros(2, 40, 50, 4)
    layer[:, 10:20, 20:30] = torch.tensor([0.4, 0.2, 0.1, 0.5])
    place = (layer[..., 3] > 0).flatten().nonzero().squeeze(1)
    where, colour = softened(place, layer.view(-1, 4)[place], torch.tensor([1.5, 0.0]), (40, 50))
    found = torch.zeros(2 * 40 * 50, 4).index_copy(0, where, colour).view(2, 40, 50, 4)
    torch.testing.assert_close(found[1], layer[1])
    right = blurred(layer[:1, ..., :3], 1.5)
    torch.testing.assert_close(found[:1, ..., :3], right, atol=2e-3, rtol=0)


def test_frames_softened_apart_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    place = torch.tensor([5 * 50 + 4, 2000 + 30 * 50 + 40, 4000 + 100])
    colour = torch.rand(3, 4, generator=torch.Generator().manual_seed(0)) / 2 + 0.5
    blur = torch.tensor([1.5, 0.8, 2.5])
    whole = softened(place, colour, blur, (40, 50))
    monkeypatch.setitem(soften._PIXELS_AT_ONCE, "cpu", 1)
    apart = softened(place, colour, blur, (40, 50))
    for one, other in zip(whole, apart, strict=True):
        assert torch.equal(one, other)


def test_a_drawing_that_the_edge_cuts_does_not_fade_there() -> None:
    layer = torch.zeros(1, 30, 40, 4)
    layer[:, :12, 10:30] = 1.0
    place = (layer[..., 3] > 0).flatten().nonzero().squeeze(1)
    where, colour = softened(place, layer.view(-1, 4)[place], torch.tensor([2.0]), (30, 40))
    found = torch.zeros(30 * 40, 4).index_copy(0, where, colour).view(30, 40, 4)
    torch.testing.assert_close(found[0, 20], torch.ones(4))


def test_the_shadow_lies_below_what_is_worn_and_fades() -> None:
    brim = ellipsoid((9.0, 0.3, 6.0), (0.0, 6.0, 7.0), name="brim")
    face = shadowed_face((brim,))
    assert face is not None
    assert face.texture is not None
    uv = face_mesh().uv
    assert uv is not None
    light = face.texture[..., 0]
    at = (uv * 256).long().clamp(0, 255)
    points = light[at[:, 1], at[:, 0]]
    brow, chin = points[105], points[152]  # under the brim, and far from it
    assert float(brow) < 0.6
    assert float(chin) > 0.9
    assert float(light.max()) == pytest.approx(1)


def test_what_is_far_away_or_glass_casts_none() -> None:
    balloon = ellipsoid((2.0, 2.0, 2.0), (40.0, 60.0, -30.0))
    assert shadowed_face((balloon,)) is None
    pane = Mesh(balloon.vertices, balloon.triangles, colour=(1.0, 1.0, 1.0, 0.3))
    assert shadowed_face((pane,)) is None


def volume(mesh: Mesh) -> float:
    a, b, c = mesh.vertices[mesh.triangles].double().unbind(1)
    return float((a * torch.linalg.cross(b, c)).sum()) / 6


def test_tubes_are_closed_and_seen_from_outside() -> None:
    path = torch.stack([torch.zeros(20), torch.zeros(20), torch.linspace(0, 5, 20)], 1)
    straight = tube(path, (0.5, 0.25), (1.0, 0.0, 0.0), sides=64)
    assert volume(straight) == pytest.approx(5 * torch.pi * 0.125, rel=0.01)
    frame, lenses = glasses()
    assert volume(frame) > 0
    width = frame.vertices[:, 0].aminmax()
    assert float(width.max - width.min) == pytest.approx(15.9, abs=0.3)
    assert float((lenses.normals[:, 2]).min()) > 0.5  # they face forwards
    assert lenses.translucent
    mirrored = frame.vertices * torch.tensor([-1.0, 1.0, 1.0])
    assert float(torch.cdist(mirrored, frame.vertices).amin(1).max()) < 0.01
