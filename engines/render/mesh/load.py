"""Read meshes from files: .npz of arrays, and .obj, .glb, .gltf, .ply and .stl by trimesh.

An .npz file has `vertices` [V,3] and `triangles` [T,3], and perhaps `uv` [V,2] with v down,
`texture` [H,W,3 or 4], `colours` [V,3] (both 0..1, or uint8) and `normals` [V,3]. Others are
ignored.
"""

import io
import json
import struct
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...npz import read_arrays
from .mesh import LARGEST_TEXTURE, MOST_TRIANGLES, MOST_VERTICES, Mesh

SUFFIXES = (".npz", ".obj", ".glb", ".gltf", ".ply", ".stl")

_MOST_BYTES = 512 * 2**20  # of a file, and of what lies beside it
_MOST_PARTS = 64
_MOST_VALUES = 8 * MOST_VERTICES  # that all accessors of a glTF file have together
# Ways to pack a glTF file that trimesh does not unpack.
_PACKED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_texture_basisu")

# What trimesh and Pillow raise for files that are damaged or made to harm.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)


def load_meshes(path: Path) -> list[Mesh]:
    """Read the meshes of a file onto the CPU: one for each of its materials, in its own unit.

    Nodes of a scene are placed as the file says. Raises `InputError` that names the file if it is
    missing, of another kind, damaged, too large, or has no triangles, and if trimesh is needed and
    not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path}: expected a mesh ({', '.join(SUFFIXES)}), found {suffix or 'no suffix'}"
        )
    _check_file(path)
    if suffix == ".npz":
        return [_of_arrays(path)]
    if find_spec("trimesh") is None:
        raise InputError(
            f"{path}: reading {suffix} needs trimesh, which is not installed; "
            "run: pip install trimesh"
        )
    data = _read(path)
    if suffix in (".glb", ".gltf"):
        _check_gltf(path, data)
    try:
        scene = import_module("trimesh").load_scene(
            io.BytesIO(data), file_type=suffix[1:], resolver=_Beside(path.parent), process=False
        )
        meshes = list(_parts(path, scene))
    except _DAMAGE as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path}: is no {suffix} file that can be read ({said}); export it again"
        ) from error
    if not meshes:
        raise InputError(f"{path}: expected triangles, found none; is it a point cloud?")
    return meshes


def _check_file(path: Path) -> None:
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read: {said}") from error
    if not is_file:
        raise InputError(f"{path}: expected a file, found a folder or a device")
    if size > _MOST_BYTES:
        raise InputError(
            f"{path}: expected at most {_MOST_BYTES // 2**20} MiB, found {size // 2**20} MiB; "
            "simplify the mesh"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


class _Beside(Mapping[str, bytes]):
    """What a mesh file refers to: files in its own folder, by their bare names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> bytes:
        if Path(name).name != name or "\\" in name:
            raise InputError(
                f"{self._folder}: the mesh refers to {name[:80]!r}; files that belong to a mesh "
                "must lie in its own folder"
            )
        path = self._folder / name
        _check_file(path)
        return _read(path)

    def __iter__(self) -> Iterator[str]:
        return (path.name for path in self._folder.iterdir())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _of_arrays(path: Path) -> Mesh:
    arrays = read_arrays(path, most_bytes=_MOST_BYTES)
    for name in ("vertices", "triangles"):
        if name not in arrays:
            raise InputError(
                f"{path}: expected the arrays vertices and triangles, "
                f"found {', '.join(arrays)[:200] or 'none'}"
            )
    triangles = arrays["triangles"]
    if triangles.dtype.kind not in "iu":
        raise InputError(f"{path}: triangles: expected whole numbers, found {triangles.dtype}")
    floats = {
        name: _floats(path, name, arrays[name])
        for name in ("vertices", "uv", "texture", "colours", "normals")
        if name in arrays
    }
    return Mesh(
        floats["vertices"],
        torch.from_numpy(triangles.astype(np.int64)),
        uv=floats.get("uv"),
        texture=floats.get("texture"),
        colours=floats.get("colours"),
        given_normals=floats.get("normals"),
        name=str(path),
    )


def _floats(path: Path, name: str, array: Any) -> Tensor:
    """Return an array as float32, bytes as 0..1."""
    if array.dtype == np.uint8:
        return torch.from_numpy(array.astype(np.float32)) / 255
    if array.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name}: expected numbers, found {array.dtype}")
    return torch.from_numpy(np.array(array, np.float32, order="C"))


def _check_gltf(path: Path, data: bytes) -> None:
    """Refuse what would take more memory than its size says, and what trimesh cannot unpack."""
    try:
        if data[:4] == b"glTF":
            (length,) = struct.unpack_from("<I", data, 12)
            data = data[20 : 20 + length]
        tree = json.loads(data)
        accessors = tree.get("accessors", [])
        values = sum(int(accessor["count"]) for accessor in accessors)
        required = set(tree.get("extensionsRequired", []))
    except (*_DAMAGE, RecursionError) as error:
        raise InputError(
            f"{path}: its JSON is damaged ({type(error).__name__}); export it again"
        ) from error
    if values > _MOST_VALUES:
        raise InputError(
            f"{path}: expected at most {_MOST_VALUES:,} values, found {values:,}; simplify the mesh"
        )
    if packed := sorted(required & set(_PACKED)):
        raise InputError(
            f"{path}: is compressed with {', '.join(packed)}; export it without compression"
        )


def _parts(path: Path, scene: Any) -> Iterator[Mesh]:
    """Yield the meshes of a trimesh scene, each where its node is."""
    nodes = [
        (node, *scene.graph[node])
        for node in scene.graph.nodes_geometry
        if hasattr(scene.geometry[scene.graph[node][1]], "faces")
    ]
    total = sum(len(scene.geometry[name].faces) for _, _, name in nodes)
    if total > MOST_TRIANGLES:
        raise InputError(
            f"{path}: expected at most {MOST_TRIANGLES:,} triangles, found {total:,}; "
            "simplify the mesh"
        )
    if len(nodes) > _MOST_PARTS:
        raise InputError(
            f"{path}: expected at most {_MOST_PARTS} meshes, found {len(nodes)}; join them"
        )
    for node, transform, name in nodes:
        found = scene.geometry[name]
        if len(found.faces):
            called = f"{path}: {str(node)[:40]}" if len(nodes) > 1 else str(path)
            yield _of_trimesh(called, found, np.asarray(transform, np.float64))


def _of_trimesh(name: str, found: Any, transform: Any) -> Mesh:
    vertices = np.asarray(found.vertices, np.float64)
    triangles = np.array(found.faces, np.int64)
    linear = transform[:3, :3]
    if np.linalg.det(linear) < 0:  # mirrored: what was counter-clockwise is clockwise
        triangles = triangles[:, ::-1].copy()
    normals = None
    if "vertex_normals" in found._cache:  # of the file; others are computed by `Mesh`
        turn = np.linalg.pinv(linear).T
        normals = np.asarray(found.vertex_normals, np.float64) @ turn.T
    look = _look(name, found.visual)
    return Mesh(
        _tensor(vertices @ linear.T + transform[:3, 3]),
        torch.from_numpy(triangles),
        given_normals=None if normals is None else _tensor(normals),
        name=name,
        **look,
    )


def _tensor(array: Any) -> Tensor:
    with np.errstate(over="ignore"):  # becomes infinity, which `Mesh` refuses
        return torch.from_numpy(np.array(array, np.float32, order="C"))


def _look(name: str, visual: Any) -> dict[str, Any]:
    """Return uv, texture, colours and colour as `Mesh` takes them."""
    kind = getattr(visual, "kind", None)
    if kind in ("vertex", "face"):
        colours = np.asarray(visual.vertex_colors)[:, :3]
        return {"colours": _tensor(colours.astype(np.float64) / 255)}
    if kind != "texture":
        return {}
    material = visual.material
    mode = str(getattr(material, "alphaMode", None) or "OPAQUE").upper()
    look: dict[str, Any] = {}
    factor = getattr(material, "baseColorFactor", None)
    if factor is None:
        factor = getattr(material, "diffuse", None) if _picture(material) is None else None
    if factor is not None:
        values = [min(1.0, max(0.0, float(part) / 255)) for part in np.ravel(factor)[:4]]
        alpha = values[3] if len(values) == 4 and mode == "BLEND" else 1.0
        look["colour"] = (*values[:3], alpha)
    picture = _picture(material)
    if picture is not None and visual.uv is not None:
        width, height = picture.size
        if max(width, height) > LARGEST_TEXTURE:
            raise InputError(
                f"{name}: texture: expected at most {LARGEST_TEXTURE} px a side, "
                f"found {width}x{height}; make it smaller"
            )
        pixels = np.asarray(picture.convert("RGBA"), np.float32) / 255
        if mode == "MASK":
            cutoff = getattr(material, "alphaCutoff", None)
            pixels[..., 3] = pixels[..., 3] >= (0.5 if cutoff is None else float(cutoff))
        look["texture"] = _tensor(pixels if mode != "OPAQUE" else pixels[..., :3])
        # trimesh has v up
        look["uv"] = _tensor(np.asarray(visual.uv)[:, :2] * [1, -1] + [0, 1])
    return look


def _picture(material: Any) -> Any:
    """Return the picture of a material, as Pillow has it; None: it has none."""
    found = getattr(material, "baseColorTexture", None)
    return getattr(material, "image", None) if found is None else found
