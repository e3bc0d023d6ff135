"""Where meshes are put on the face."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.engines.head.canonical import canonical_face
from kinograph.engines.render.head_mesh.choices import ANCHORS
from kinograph.engines.render.head_mesh.outfit import outfit
from kinograph.engines.render.head_mesh.placement import Placement, anchor_place
from kinograph.engines.render.head_mesh.skull import CENTRE, RADII
from kinograph.engines.render.mesh.mesh import Mesh
from kinograph.engines.render.mesh.shapes import ellipsoid


def triangle(*corners: tuple[float, float, float]) -> Mesh:
    return Mesh(torch.tensor(corners), torch.tensor([[0, 1, 2]]), name="shape.obj")


SHAPE = triangle((0.0, 0.0, 0.0), (2.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def test_scaled_then_turned_then_moved() -> None:
    placed = Placement("nose_tip", "m", 0.1, (1.0, 2.0, 3.0), (0.0, 90.0, 0.0)).of([SHAPE])
    tip = canonical_face().vertices[4] + torch.tensor([1.0, 2.0, 3.0])
    # a quarter turn about y leads x to -z
    right = torch.stack([tip, tip - torch.tensor([0, 0, 20.0]), tip + torch.tensor([0, 10.0, 0])])
    torch.testing.assert_close(placed[0].vertices, right)


def test_turns_are_about_y_then_x_then_z() -> None:
    placed = Placement(rotation=(90.0, 90.0, 90.0)).of([SHAPE])
    # x: y leads it to -z, x then to y, z then to -x;  y: stays, then z, then z
    right = torch.tensor([[0, 0, 0], [-2.0, 0, 0], [0, 0, 1.0]])
    torch.testing.assert_close(placed[0].vertices, right, atol=1e-6, rtol=0)


def test_fit_makes_all_parts_together_as_wide_as_a_head() -> None:
    other = triangle((4.0, 0.0, 0.0), (6.0, 0.0, 0.0), (5.0, 1.0, 0.0))
    placed = Placement(unit="fit").of([SHAPE, other])
    assert float(placed[1].vertices[:, 0].max()) == pytest.approx(15.0)
    # seen after the turn: what was high is wide
    turned = Placement(unit="fit", rotation=(0.0, 0.0, 90.0)).of([SHAPE])
    assert float(turned[0].vertices[:, 0].min()) == pytest.approx(-15.0)


def test_anchors_are_where_their_names_say() -> None:
    place = {name: anchor_place(name) for name in ANCHORS}
    assert place["origin"].tolist() == [0, 0, 0]
    assert place["left_ear"][0] > 0 > place["right_ear"][0]  # the person's
    assert place["ears"][0] == 0
    order = ["chin", "mouth", "nose_tip", "nose_bridge", "eyes", "forehead", "head_top"]
    heights = [float(place[name][1]) for name in order]
    assert heights == sorted(heights)
    assert float(place["nose_tip"][2]) == float(canonical_face().vertices[:, 2].max())
    assert place["head_centre"].tolist() == pytest.approx(CENTRE)


def test_the_skull_lies_within_the_face() -> None:
    apart = canonical_face().vertices - torch.tensor(CENTRE)
    assert float((apart / torch.tensor(RADII)).norm(dim=1).min()) > 1.03


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"anchor": "knee"}, "anchor: expected one of origin, .* found 'knee'"),
        ({"unit": "mile"}, "unit: expected one of fit, mm, cm, inch, m, found 'mile'"),
        ({"scale": 0.0}, "scale: expected more than 0 and at most 100, found 0.0"),
        ({"scale": float("nan")}, "scale: .* found nan"),
        ({"offset": (0.0, 101.0, 0.0)}, "offset: expected x, y and z of at most 100 cm"),
        ({"rotation": (0.0, float("nan"), 0.0)}, "rotation: expected x, y and z of at most 360"),
    ],
)
def test_settings_out_of_range(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Placement(**values)  # type: ignore[arg-type]


def test_a_mesh_that_is_too_large_or_has_no_width() -> None:
    with pytest.raises(InputError, match=r"shape.obj: at 100 cm per unit it reaches 200 cm from"):
        Placement(unit="m").of([SHAPE])
    line = triangle((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    with pytest.raises(InputError, match=r"shape.obj: has no width that could be fitted"):
        Placement(unit="fit").of([line])


def write(path: Path, vertices: object, triangles: object) -> Path:
    np.savez(path, vertices=np.array(vertices, np.float32), triangles=np.array(triangles, np.int64))
    return path


@pytest.mark.parametrize(
    ("vertices", "triangles", "message"),
    [
        ([[0, 0, 0]], np.zeros((0, 3)), "expected triangles, found none"),
        ([[0, 0, np.nan], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], "found NaN or infinity"),
        ([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 3]], "found vertex 3"),
    ],
)
def test_broken_files_are_named(
    tmp_path: Path, vertices: object, triangles: object, message: str
) -> None:
    path = write(tmp_path / "worn.npz", vertices, triangles)
    with pytest.raises(InputError, match=rf"worn.npz.*{message}"):
        outfit("file", path, placement=Placement(unit="fit"))


def test_ten_million_triangles(tmp_path: Path) -> None:
    many = np.zeros((10_000_000, 3), np.int8)
    np.savez_compressed(tmp_path / "many.npz", vertices=np.eye(3, dtype=np.float32), triangles=many)
    with pytest.raises(InputError, match=r"many.npz: expected at most 4,000,000 triangles"):
        outfit("file", tmp_path / "many.npz", placement=Placement())


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    ball = ellipsoid(rings=4, segments=5)
    path = write(tmp_path / "ball.npz", ball.vertices.numpy(), ball.triangles.numpy())
    worn = [outfit("file", path, placement=Placement(unit="fit"), changed=at) for at in (1, 1, 2)]
    assert worn[0] is worn[1]
    assert worn[0] is not worn[2]


def test_unknown_choices() -> None:
    with pytest.raises(InputError, match="mesh: expected one of medical_mask, glasses, file"):
        outfit("beard", placement=Placement())
    with pytest.raises(InputError, match="following: expected one of auto, rigid"):
        outfit("glasses", placement=Placement(), following="loosely")
