"""Bodies drawn in one go: the same pictures as drawn apart, and the range of their depth."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kinograph.engines.body.bodies import Bodies
from kinograph.engines.errors import InputError
from kinograph.engines.geometry.camera import Camera
from kinograph.engines.render.bodies.depth_range import DepthRange, DepthState
from kinograph.engines.render.bodies.draw import DrawnBodies, draw_bodies
from kinograph.engines.render.body_meshes import body_meshes
from kinograph.engines.render.limbs import TRACK_COLOURS
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.render.mesh.outputs import draw_controls
from made_bodies import moving

SIZE = (60, 80)


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    """Two bodies in four frames; nobody in the second one."""
    made = replace(
        moving(4),
        canvas=SIZE,
        camera=Camera.of_field_of_view(SIZE, 50.0),
        boxes=torch.zeros(4, 2, 4),
    )
    return replace(made, count=torch.tensor([2, 0, 1, 2]))


@pytest.fixture(scope="module")
def footage() -> Tensor:
    return torch.rand(4, *SIZE, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def drawn(bodies: Bodies, footage: Tensor) -> DrawnBodies:
    return draw_bodies(bodies, footage=footage, depth=DepthRange("fixed", 1.5, 6))


def test_pictures_are_those_of_the_meshes(
    bodies: Bodies, footage: Tensor, drawn: DrawnBodies
) -> None:
    meshes = [body_meshes(bodies)]
    image, mask = draw_meshes(meshes, bodies.camera, 4, footage=footage)
    apart = draw_controls(meshes, bodies.camera, 4, nearest=1.5, farthest=6)
    assert (drawn.image - image).abs().max() < 1e-6
    assert (drawn.mask - mask).abs().max() < 1e-6
    assert (drawn.normals - apart.normals).abs().max() < 1e-6
    assert (drawn.depth - apart.depth).abs().max() < 1e-5
    assert mask[0].sum() > 200
    # What nobody covers is as it was, and black in the other pictures.
    away = drawn.mask == 0
    assert torch.equal(drawn.image[away], footage[away])
    assert drawn.depth[away].max() == drawn.normals[away].max() == 0
    assert away[1].all()


def test_normals_in_the_axes_of_opengl(bodies: Bodies, drawn: DrawnBodies) -> None:
    other = draw_bodies(bodies, normals="opengl").normals
    whole = drawn.mask == 1
    assert torch.allclose(other[..., 0][whole], 1 - drawn.normals[..., 0][whole], atol=1e-5)
    assert torch.allclose(other[..., 1:], drawn.normals[..., 1:], atol=1e-5)


def test_opacity_and_colours_change_the_image_alone(
    bodies: Bodies, footage: Tensor, drawn: DrawnBodies
) -> None:
    half = draw_bodies(bodies, footage=footage, opacity=0.25)
    assert torch.allclose(half.image, torch.lerp(footage, drawn.image, 0.25), atol=1e-5)
    assert torch.equal(half.mask, drawn.mask)
    tracks = torch.tensor([[3, -1]]).expand(4, 2)
    coloured = draw_bodies(replace(bodies, track_ids=tracks), colours="track").image
    first = draw_bodies(
        replace(bodies, track_ids=tracks, count=bodies.count.clamp(max=1)), colours="track"
    )
    hue = first.image[2][first.mask[2] == 1]
    wanted = torch.tensor(TRACK_COLOURS[3]) / 255
    assert torch.allclose(hue / hue.amax(1, keepdim=True), (wanted / wanted.max()).expand_as(hue))
    # The one without a track is grey.
    grey = coloured[0][(first.mask[0] == 0) & (drawn.mask[0] == 1)]
    assert len(grey)
    assert torch.allclose(grey, grey.mean(1, keepdim=True).expand_as(grey), atol=0.03)


def test_another_size(bodies: Bodies) -> None:
    large = draw_bodies(bodies, size=(120, 240), fit="letterbox")
    assert large.image.shape == large.depth.shape == large.normals.shape == (4, 120, 240, 3)
    # 80x60 fill 160x120 in the middle.
    assert large.mask[..., :40].max() == large.mask[..., 200:].max() == 0
    covered = float(draw_bodies(bodies.slice(0, 1)).mask.sum())
    assert float(large.mask[0].sum()) == pytest.approx(4 * covered, rel=0.02)


@pytest.mark.parametrize("how", ["frame", "clip"])
def test_what_is_nearest_is_white(how: str, bodies: Bodies) -> None:
    made = draw_bodies(bodies, depth=DepthRange(how))
    whole = made.mask == 1
    ends = [made.depth[f, ..., 0][whole[f]].aminmax() for f in (0, 2, 3)]
    lightest = [float(high) for _, high in ends]
    darkest = [float(low) for low, _ in ends]
    if how == "frame":
        assert lightest == pytest.approx([1, 1, 1], abs=0.05)
        assert darkest == pytest.approx([0.1, 0.1, 0.1], abs=0.05)
    else:
        assert max(lightest) == pytest.approx(1, abs=0.05)
        assert min(lightest) < 0.99
        assert min(darkest) == pytest.approx(0.1, abs=0.05)
        assert bool((made.ends == made.ends[0]).all())


def test_a_steady_range_widens_at_once_and_narrows_slowly() -> None:
    nan = torch.nan
    seen = torch.tensor([[nan, nan], [0.5, 0.2], [0.6, 0.1], [0.4, 0.3], [nan, nan], [0.4, 0.3]])
    ends, state = DepthRange().ends(seen, None)
    assert ends[2].tolist() == pytest.approx([0.6, 0.6 - 0.5 / 0.9])
    assert ends[3, 0] == pytest.approx(0.59)  # 5 % of the way to 0.4
    assert torch.equal(ends[4], ends[3])  # nobody: as it was
    assert state.most == pytest.approx(0.5805)
    for cut in (1, 2, 5):
        first, held = DepthRange().ends(seen[:cut], None)
        second, after = DepthRange().ends(seen[cut:], held)
        assert torch.equal(torch.cat([first, second]), ends)
        assert after == state


def test_chunks_are_the_whole(bodies: Bodies, footage: Tensor) -> None:
    whole = draw_bodies(bodies, footage=footage)
    state: DepthState | None = None
    for start, stop in ((0, 1), (1, 2), (2, 4)):
        part = draw_bodies(bodies.slice(start, stop), footage=footage[start:stop], state=state)
        state = part.state
        for name in ("image", "mask", "depth", "normals"):
            assert torch.equal(getattr(part, name), getattr(whole, name)[start:stop]), name


def test_what_is_refused(bodies: Bodies) -> None:
    cases = {
        r"colours: expected one of style, track, found 'red'": {"colours": "red"},
        r"normals: expected one of bae, opengl, found 'dx'": {"normals": "dx"},
        r"opacity: expected 0\.\.1, found 1\.5": {"opacity": 1.5},
        r"samples: expected 1, 4, 8, 16 per pixel, found 3": {"samples": 3},
        r"footage: expected 4 frames .* found 2": {"footage": torch.zeros(2, *SIZE, 3)},
        r"depth_range: clip needs the whole clip": {
            "depth": DepthRange("clip"),
            "state": DepthState(),
        },
    }
    for message, settings in cases.items():
        with pytest.raises(InputError, match=message):
            draw_bodies(bodies, **settings)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"depth_range: expected one of steady, .* found 'auto'"):
        DepthRange("auto")
    with pytest.raises(InputError, match=r"nearest, farthest: .* found 5 and 2"):
        DepthRange("fixed", 5, 2)
