"""The node Draw Mesh on Heads: choices, files of users, what it says."""

from pathlib import Path
from typing import Any

import pytest
import torch

from kinograph.engines.errors import InputError
from kinograph.nodes.head.draw_mesh import DrawMeshOnHeads
from kinograph.nodes.standin import host
from pictured_heads import heads_at, pictures


def settings(**changed: Any) -> dict[str, Any]:
    """Return the defaults of the node's widgets, some of them changed."""
    widgets = DrawMeshOnHeads.define_schema().inputs[2:]
    return {spec.id: spec.default for spec in widgets} | changed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An input folder with a box 2 units wide, y up."""
    (tmp_path / "box.obj").write_text(
        "".join(f"v {x} {y} {z}\n" for x in (-1, 1) for y in (-1, 1) for z in (-1, 1))
        + "f 1 2 4 3\nf 5 7 8 6\nf 1 5 6 2\nf 3 4 8 7\nf 1 3 7 5\nf 2 6 8 4\n"
    )
    (tmp_path / "points.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
        "property float z\nend_header\n0 0 0\n"
    )
    return tmp_path


@pytest.mark.parametrize("mesh", ["medical_mask", "glasses"])
def test_what_is_built_in_needs_nothing_else(mesh: str) -> None:
    heads = heads_at([(0.0, 0.0), (30.0, 0.0)])
    output = DrawMeshOnHeads.execute(pictures(heads), heads, **settings(mesh=mesh))
    image, mask = output.args
    assert image.shape == (2, 120, 160, 3)
    assert float(mask.sum((1, 2)).min()) > 100
    assert "2 heads in 2 of 2 frames" in output.ui.value


def test_a_file_is_fitted_and_anchored(folder: Path) -> None:
    heads = heads_at(size=(240, 320))
    frames = pictures(heads)
    with host.using(host.Settings(inputs=(folder,))):
        given = settings(mesh="file", file="box.obj", anchor="head_top", scale=0.5, offset_y=2.0)
        _, mask = DrawMeshOnHeads.execute(frames, heads, **given).args
    rows, columns = (mask[0] > 0.5).nonzero().unbind(1)
    marks = heads.landmarks[0, 0]
    per_cm = float(marks[:, 0].max() - marks[:, 0].min()) / 15.5
    assert float(columns.max() - columns.min() + 1) / per_cm == pytest.approx(7.5, rel=0.12)
    assert int(rows.max()) < float(marks[:, 1].min()) + 1.5 * per_cm  # a hat


def test_nobody_is_said_and_left_alone() -> None:
    heads = heads_at([(0.0, 0.0)] * 2)
    frames = pictures(heads)
    nobody = type(heads).empty(2, heads.canvas, heads.camera)
    output = DrawMeshOnHeads.execute(frames, nobody, **settings())
    assert torch.equal(output.args[0], frames)
    assert "no head in 2 frames; they are unchanged" in output.ui.value


def test_heads_without_landmarks_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = heads_at(points=0)
    said: list[str] = []
    with host.using(host.Settings(warned=said.append)):
        DrawMeshOnHeads.execute(pictures(heads_at()), bare, **settings())
        DrawMeshOnHeads.execute(pictures(heads_at()), bare, **settings(following="rigid"))
    assert len(said) == 1
    assert "no landmarks to follow; the mesh keeps its shape" in said[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mesh": "file"}, "file: is empty; give the name of a mesh in the input folder"),
        ({"mesh": "file", "file": "hat.obj"}, "'hat.obj': no such file"),
        ({"mesh": "file", "file": "points.ply"}, "points.ply.*expected triangles, found none"),
        (
            {"mesh": "file", "file": "box.obj", "unit": "m", "scale": 2.0},
            "box.obj: at 200 cm per unit it reaches",
        ),
        ({"offset_z": float("nan")}, "offset: expected x, y and z of at most 100 cm"),
        ({"grain": 2.0}, "grain: expected a strength in 0..1, found 2.0"),
    ],
)
def test_what_does_not_fit(folder: Path, changed: dict[str, Any], message: str) -> None:
    heads = heads_at()
    with host.using(host.Settings(inputs=(folder,))), pytest.raises(InputError, match=message):
        DrawMeshOnHeads.execute(pictures(heads), heads, **settings(**changed))


def test_a_changed_file_runs_again(folder: Path) -> None:
    with host.using(host.Settings(inputs=(folder,))):
        before = DrawMeshOnHeads.fingerprint_inputs(mesh="file", file="box.obj")
        assert before == (folder / "box.obj").stat().st_mtime
        assert DrawMeshOnHeads.fingerprint_inputs(mesh="glasses", file="box.obj") == 0.0
