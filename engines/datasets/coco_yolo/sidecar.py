"""The JSON beside a label file: poses, intrinsics, offsets, shapes and masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...document import FARTHEST, Value, load
from ...errors import InputError
from ...files import inside
from ..records import Array

if TYPE_CHECKING:
    from ..object_truth import ObjectTruth

_UPRIGHT = 1e-3  # how far R times its transpose may be from the identity
_MOST_POINTS = 1_000_000  # of a shape
INSTANCES = "instances"
"""The only format of masks that is read: a picture of the objects' numbers, from 1."""

_KNOWN = (
    *("R_gt", "t_gt", "pose", "intrinsics", "K_gt", "offsets_gt", "cad_points", "D_obj", "z_gt"),
    *("mask", "mask_path", "mask_format", "mask_instances", "mask_classes", "depth", "depth_path"),
    *("image_hw", "image_size"),
)
_UNUSED = ("mask", "mask_instances", "mask_classes", "depth", "depth_path")


@dataclass(frozen=True)
class Sidecar:
    """What a file said, in the fields of `Record`, and what of it is not used.

    size: height and width that it gives of the image; None: not
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


def read_sidecar(path: Path, root: Path, count: int) -> Sidecar:
    """Read a file about `count` objects; `root` is the data set's folder, which masks lie in.

    Raises `InputError` that names file and member for malformed values, for a rotation that is
    none, and for other numbers of values than of objects.
    """
    document = load(path)
    for name, _ in document.members("an object"):
        if name not in _KNOWN:
            raise document.wrong(f"the members {', '.join(_KNOWN)}", f"{name[:40]!r}")
    fields: dict[str, Any] = {}
    pose = document.member("pose")
    turn = document.member("R_gt") or (pose and pose.member("R"))
    place = document.member("t_gt") or (pose and pose.member("t"))
    if turn:
        fields["rotation"] = _rotations(turn, count)
    if place:
        fields["translation"] = _rows(place, count, 3)
        if count and float(fields["translation"][:, 2].min()) <= 0:
            raise place.wrong("places before the camera, z above 0")
    if depth := document.member("D_obj") or document.member("z_gt"):
        fields["depth"] = _numbers(depth, count)
        if count and float(fields["depth"].min()) <= 0:
            raise depth.wrong("depths above 0 m")
    if camera := document.member("intrinsics") or document.member("K_gt"):
        fields["intrinsics"] = _intrinsics(camera)
    if offsets := document.member("offsets_gt"):
        fields["offsets"] = _rows(offsets, count, 2)
    if points := document.member("cad_points"):
        fields["cad_points"] = _shapes(points, count)
    if mask := document.member("mask_path"):
        fields["mask"] = _mask(document, mask, root)
    unused = [name for name in _UNUSED if document.member(name) is not None]
    notes = (f"{path}: {', '.join(unused)}: not used",) if unused else ()
    return Sidecar(fields, _size(document), notes)


def sidecar_of(truth: ObjectTruth, mask: str | None) -> dict[str, Any]:
    """Return the JSON beside the labels of an image. mask: its path from the data set's folder."""
    raw: dict[str, Any] = {"image_hw": list(truth.size)}
    if truth.rotation is not None:
        raw["R_gt"] = truth.rotation.tolist()
    if truth.translation is not None:
        raw["t_gt"] = truth.translation.tolist()
    if truth.z is not None:
        raw["z_gt"] = truth.z.tolist()
    if truth.intrinsics is not None:
        raw["intrinsics"] = dict(
            zip(("fx", "fy", "cx", "cy"), truth.intrinsics.tolist(), strict=True)
        )
    if truth.offsets is not None:
        raw["offsets_gt"] = truth.offsets.tolist()
    if truth.cad_points:
        raw["cad_points"] = [points.tolist() for points in truth.cad_points]
    if mask is not None:
        raw |= {"mask_path": mask, "mask_format": INSTANCES}
    return raw


def _numbers(value: Value, count: int) -> Array:
    """Return [N] numbers; a single one is of all objects."""
    if not isinstance(value.raw, list):
        return np.full(count, value.number(-FARTHEST, FARTHEST))
    return np.array(value.numbers(count), np.float64)


def _rows(value: Value, count: int, width: int) -> Array:
    """Return [N,width]; a single row is of all objects."""
    if isinstance(value.raw, list) and value.raw and not isinstance(value.raw[0], list):
        return np.tile(np.array(value.numbers(width), np.float64), (count, 1))
    rows = [row.numbers(width) for row in value.entries(f"a list of {count} times {width} numbers")]
    if len(rows) != count:
        raise value.wrong(f"values of {count} objects", str(len(rows)))
    return np.array(rows, np.float64).reshape(count, width)


def _rotations(value: Value, count: int) -> Array:
    """Return [N,3,3]; a single matrix is of all objects."""
    depth, raw = 0, value.raw
    while isinstance(raw, list) and raw:
        depth, raw = depth + 1, raw[0]
    matrices = [value] if depth == 2 else list(value.entries(f"a list of {count} 3x3 matrices"))
    rows = [[row.numbers(3) for row in matrix.entries("3 rows")] for matrix in matrices]
    for matrix, found in zip(matrices, rows, strict=True):
        if len(found) != 3:
            raise matrix.wrong("3 rows", str(len(found)))
    if depth != 2 and len(rows) != count:
        raise value.wrong(f"rotations of {count} objects", str(len(rows)))
    turned = np.array(rows, np.float64).reshape(-1, 3, 3)
    off = np.abs(turned @ turned.swapaxes(1, 2) - np.eye(3)).max((1, 2), initial=0)
    mirrored = np.linalg.det(turned) < 0
    for number in np.flatnonzero((off > _UPRIGHT) | mirrored).tolist():
        kind = "a mirrored one" if bool(mirrored[number]) else "one that stretches"
        raise matrices[number].wrong("a rotation matrix", kind)
    return np.tile(turned, (count, 1, 1)) if depth == 2 else turned


def _intrinsics(value: Value) -> Array:
    """Return [4] of {fx, fy, cx, cy} or of a 3x3 matrix."""
    if isinstance(value.raw, Mapping):
        found = [value.needed(key).number(-FARTHEST, FARTHEST) for key in ("fx", "fy", "cx", "cy")]
    else:
        rows = [row.numbers(3) for row in value.entries("fx, fy, cx, cy or a 3x3 matrix")]
        if len(rows) != 3 or rows[0][1] or rows[1][0] or rows[2] != [0, 0, 1]:
            raise value.wrong("a 3x3 matrix [fx 0 cx; 0 fy cy; 0 0 1] without skew")
        found = [rows[0][0], rows[1][1], rows[0][2], rows[1][2]]
    if min(found[:2]) <= 0:
        raise value.wrong("focal lengths above 0 px", f"{min(found[:2]):g}")
    return np.array(found, np.float64)


def _shapes(value: Value, count: int) -> tuple[Array, ...]:
    depth, raw = 0, value.raw
    while isinstance(raw, list) and raw:
        depth, raw = depth + 1, raw[0]
    lists = [value] if depth == 2 else list(value.entries(f"points of {count} objects"))
    if depth != 2 and len(lists) != count:
        raise value.wrong(f"points of {count} objects", str(len(lists)))
    shapes = []
    for shape in lists:
        points = [point.numbers(3) for point in shape.entries("points x, y, z")]
        if not 1 <= len(points) <= _MOST_POINTS:
            raise shape.wrong(f"1 to {_MOST_POINTS} points", str(len(points)))
        shapes.append(np.array(points, np.float64))
    return tuple(shapes * count if depth == 2 else shapes)


def _mask(document: Value, value: Value, root: Path) -> Path:
    kind = document.member("mask_format")
    if kind is not None and kind.text() != INSTANCES:
        raise kind.wrong(repr(INSTANCES))
    try:
        path = inside(root, value.text())
    except ValueError as error:
        raise InputError(f"{value.source}: mask_path: {error}") from error
    if not path.is_file():
        raise value.wrong("a file of the data set", f"{value.text()[:100]!r}, which does not exist")
    return path


def _size(document: Value) -> tuple[int, int] | None:
    """Return height and width that the file gives of its image."""
    if value := document.member("image_hw"):
        height, width = value.numbers(2)
    elif value := document.member("image_size"):
        if isinstance(value.raw, Mapping):
            height, width = (
                value.needed("height").number(1, 1e6),
                value.needed("width").number(1, 1e6),
            )
        else:
            width, height = value.numbers(2)
    else:
        return None
    return int(height), int(width)
