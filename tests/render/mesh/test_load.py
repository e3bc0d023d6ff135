"""Mesh files of every kind, whole and damaged."""

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kinograph.engines.errors import InputError
from kinograph.engines.render.mesh import load
from kinograph.engines.render.mesh.draw import draw_meshes
from kinograph.engines.render.mesh.light import Light
from kinograph.engines.render.mesh.load import load_meshes
from made_meshes import camera, placed

SQUARE: dict[str, Any] = {
    "vertices": np.array([[-1, 1, 0], [-1, -1, 0], [1, -1, 0], [1, 1, 0]], np.float32),
    "triangles": np.array([[0, 1, 2], [0, 2, 3]], np.int16),
}
UV = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float32)  # v down
# Upper left red, upper right green, lower left blue, lower right white.
TEXTURE = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def corners(path: Path) -> list[tuple[int, ...]]:
    """Return the colours of the square's quarters, as it is drawn: upper left, upper right, ..."""
    (mesh,) = load_meshes(path)
    light = Light(ambient=(1, 1, 1), directional=(0, 0, 0))
    image, mask = draw_meshes([placed(mesh, (0, 0, -2))], camera((90, 90), 60.0), 1, light=light)
    assert float(mask.sum()) == pytest.approx(3600, abs=10)
    return [
        tuple((image[0, y, x] * 255).round().int().tolist()) for y in (18, 72) for x in (18, 72)
    ]


def textured() -> trimesh.Trimesh:
    """Return the square as trimesh has it, with v up."""
    return trimesh.Trimesh(
        SQUARE["vertices"],
        SQUARE["triangles"],
        visual=trimesh.visual.TextureVisuals(
            uv=UV * [1, -1] + [0, 1],
            material=trimesh.visual.material.SimpleMaterial(picture(), diffuse=[255] * 4),
        ),
        process=False,
    )


def picture(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(TEXTURE).resize((64, 64), Image.Resampling.NEAREST).convert(mode)


WANTED = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "square.npz"
    np.savez(path, **SQUARE, uv=UV, texture=np.asarray(picture()), knn=np.zeros(3))
    assert corners(path) == WANTED
    np.savez(path, **SQUARE, colours=np.full((4, 3), 0.5), normals=SQUARE["vertices"])
    assert corners(path) == [(128, 128, 128)] * 4


@pytest.mark.parametrize("suffix", [".obj", ".glb"])
def test_textures(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"square{suffix}"
    textured().export(path)
    assert corners(path) == WANTED


@pytest.mark.parametrize("suffix", [".ply", ".glb", ".stl", ".obj"])
def test_vertex_colours(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"square{suffix}"
    colours = None if suffix == ".stl" else np.full((4, 4), [200, 100, 50, 255], np.uint8)
    trimesh.Trimesh(
        SQUARE["vertices"], SQUARE["triangles"], vertex_colors=colours, process=False
    ).export(path)
    assert corners(path) == [(255,) * 3 if suffix == ".stl" else (200, 100, 50)] * 4


def test_scenes_have_their_nodes_in_place(tmp_path: Path) -> None:
    path = tmp_path / "scene.glb"
    scene = trimesh.Scene()
    moved = np.eye(4)
    moved[0, 3] = 5
    mirrored = np.diag([-1.0, 1, 1, 1])
    scene.add_geometry(textured(), node_name="one", transform=moved)
    scene.add_geometry(textured(), node_name="two", transform=mirrored)
    scene.export(path)
    two, one = sorted(load_meshes(path), key=lambda mesh: float(mesh.vertices[:, 0].min()))
    assert one.vertices[:, 0].aminmax() == (4, 6)
    # a mirrored front is still the front
    torch.testing.assert_close(two.normals_of(two.vertices[None])[0, :, 2], torch.ones(4))


def test_normals_of_the_file_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "cube.glb"
    box = trimesh.creation.box()
    box.unmerge_vertices()
    assert box.vertex_normals is not None  # now it has some to export
    box.export(path, include_normals=True)
    (cube,) = load_meshes(path)
    assert cube.given_normals is not None
    assert float(cube.normals.abs().amax(1).min()) == pytest.approx(1)  # sharp edges
    (smooth,) = load_meshes(_obj(tmp_path))
    assert float(smooth.normals.abs().amax(1).max()) < 0.9


def _obj(folder: Path) -> Path:
    path = folder / "cube.obj"
    trimesh.creation.box().export(path, include_normals=False)
    return path


def glb(tree: dict[str, Any]) -> bytes:
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A)
    return head + text


BAD: list[tuple[str, bytes, str]] = [
    ("empty.glb", b"", "JSON is damaged"),
    ("text.glb", b"hello", "JSON is damaged"),
    ("deep.gltf", b"[" * 100_000, "JSON is damaged"),
    ("draco.glb", glb({"extensionsRequired": ["KHR_draco_mesh_compression"]}), "KHR_draco"),
    ("many.glb", glb({"accessors": [{"count": 10**12}]}), "at most 32,000,000 values"),
    ("nothing.glb", glb({"asset": {"version": "2.0"}}), "scenes|can be read|no triangles|none"),
    ("none.obj", b"v 0 0 0\nv 1 0 0\n", "expected triangles, found none|can be read"),
    ("far.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "can be read|vertices 0 to"),
    ("nan.obj", b"v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "NaN|can be read"),
    ("huge.obj", b"v 0 0 1e300\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "NaN or infinity"),
    ("cut.ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 9\n", "can be read"),
    ("text.stl", b"solid x\nfacet\n", "can be read|no triangles|none"),
    ("text.npz", b"hello", "is no .npz file"),
    ("mesh.fbx", b"x", "expected a mesh"),
]


@pytest.mark.parametrize(("name", "data", "said"), BAD, ids=[name for name, _, _ in BAD])
def test_bad_files_are_named(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=said) as error:
        load_meshes(path)
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < len(str(path)) + 400


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"triangles": np.zeros((0, 3), np.int64)}, "expected triangles, found none"),
        ({"triangles": np.array([[0, 1, 4]])}, "vertices 0 to 3, found vertex 4"),
        ({"triangles": np.array([[0, 1, -1]])}, "found vertex -1"),
        ({"triangles": np.array([[0.0, 1, 2]])}, "expected whole numbers"),
        ({"triangles": np.array([[0, 1, 2, 3]])}, r"expected the shape \[T,3\]"),
        ({"vertices": np.full((4, 3), np.nan, np.float32)}, "NaN or infinity"),
        ({"vertices": np.array(["a", "b"])}, "expected numbers"),
        ({"uv": np.zeros((3, 2), np.float32)}, r"uv: expected the shape \[4,2\]"),
        ({"texture": np.zeros((2, 2, 3), np.uint8)}, "no uv"),
        ({"uv": UV, "texture": np.zeros((2, 2, 5), np.uint8)}, "5 channels"),
        ({"uv": UV, "texture": np.zeros((1, 9000, 3), np.uint8)}, "9000x1"),
        ({"uv": np.array([None])}, "pickled"),
    ],
)
def test_bad_arrays_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, allow_pickle=True, **(SQUARE | change))
    with pytest.raises(InputError, match=said) as error:
        load_meshes(path)
    assert str(path) in str(error.value)


def test_missing_arrays_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", points=UV)
    with pytest.raises(InputError, match="expected the arrays vertices and triangles, found poi"):
        load_meshes(tmp_path / "a.npz")


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", **SQUARE, more=np.zeros(2**18))
    textured().export(tmp_path / "a.obj")
    monkeypatch.setattr(load, "_MOST_BYTES", 2**20)
    with pytest.raises(InputError, match="at most 1 MiB of arrays, found 3 MiB"):
        load_meshes(tmp_path / "a.npz")
    monkeypatch.setattr(load, "_MOST_BYTES", 10)
    with pytest.raises(InputError, match="expected at most 0 MiB"):
        load_meshes(tmp_path / "a.obj")
    monkeypatch.undo()
    monkeypatch.setattr(load, "MOST_TRIANGLES", 1)
    with pytest.raises(InputError, match="at most 1 triangles, found 2"):
        load_meshes(tmp_path / "a.obj")


@pytest.mark.parametrize("found", ["missing.obj", "folder.obj"])
def test_missing_files_are_named(tmp_path: Path, found: str) -> None:
    (tmp_path / "folder.obj").mkdir()
    with pytest.raises(InputError, match=found):
        load_meshes(tmp_path / found)


def test_files_outside_the_folder_are_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "meshes"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(96))
    tree = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": "../secret.bin", "byteLength": 96}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
        "scene": 0,
    }
    (folder / "a.gltf").write_text(json.dumps(tree))
    with pytest.raises(InputError, match="must lie in its own folder"):
        load_meshes(folder / "a.gltf")


def test_alpha_counts_where_the_material_says_so(tmp_path: Path) -> None:
    pixels = picture("RGBA")
    pixels.putalpha(100)
    wanted = {"OPAQUE": None, "BLEND": 100 / 255, "MASK": 0.0}
    for mode, alpha in wanted.items():
        path = tmp_path / f"{mode}.glb"
        mesh = textured()
        mesh.visual.material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=pixels, alphaMode=mode, alphaCutoff=0.5
        )
        mesh.export(path)
        (found,) = load_meshes(path)
        assert found.texture is not None
        if alpha is None:
            assert found.texture.shape[2] == 3
            assert not found.translucent
        else:
            assert float(found.texture[..., 3].mean()) == pytest.approx(alpha)
            assert found.translucent


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_bytes_end_in_a_mesh_or_an_error_of_ours(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["glb", "ply", "obj", "stl"]))
    file = io.BytesIO()
    trimesh.creation.box().export(file, file_type=kind)
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"any.{kind}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    error = None
    try:
        load_meshes(path)
    except InputError as found:
        error = found
    assert error is None or str(path) in str(error)
