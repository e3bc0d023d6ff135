"""Predictions from a file, checked value by value."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...document import FARTHEST, Value, load
from ...geometry.camera import Camera
from ...geometry.placement import Size
from ...geometry.rotations import from_two_rows
from ...words import enumerated
from ..objects import Objects
from ..projection import corrected, lifted
from ..rtdetr_pose.decode import to_corners

_SMALL = 1e-6  # length of a row of a rotation that still has a direction
_BOX, _CAMERA = ("cx", "cy", "w", "h"), ("fx", "fy", "cx", "cy")


def read_predictions(
    path: Path, images: Sequence[str], *, classes: int, keypoints: int = 0
) -> Objects:
    """Return the objects of a file of predictions for `images`, in their order.

    classes, keypoints: how many there are

    Places in space are there if every image has intrinsics and every detection a depth and a
    rotation. Coordinates are px of the network's input.

    Raises `InputError` that names image and member for a malformed value, for an image that is
    unknown, missing or there twice, and for images of different input sizes.
    """
    document = load(path)
    if isinstance(document.raw, dict):
        document = document.needed("predictions")
    entries: dict[str, Value] = {}
    for entry in document.entries("a list of images"):
        name = entry.needed("image").text()
        if name not in images:
            raise entry.needed("image").wrong("an image of the data set", repr(name[:100]))
        if name in entries:
            raise entry.needed("image").wrong("each image once", f"{name[:100]!r} twice")
        entries[name] = entry
    if missing := [name for name in images if name not in entries]:
        raise document.wrong(
            f"predictions for all {len(images)} images", f"none for {enumerated(missing)}"
        )
    ordered = [entries[name] for name in images]
    sizes = {_size(entry) for entry in ordered}
    if len(sizes) != 1:
        raise document.wrong("images of one input size", f"{len(sizes)} sizes")
    size = sizes.pop()
    rows = [
        sorted(
            (
                _detection(value, classes, keypoints)
                for value in entry.needed("detections").entries("a list of detections")
            ),
            key=lambda row: -row["score"],
        )
        for entry in ordered
    ]
    return _objects(rows, [_intrinsics(entry) for entry in ordered], size, keypoints)


def _size(entry: Value) -> Size:
    size = entry.needed("image_size")
    return size.needed("height").whole(1, 2**20), size.needed("width").whole(1, 2**20)


def _intrinsics(entry: Value) -> list[float] | None:
    camera = entry.member("intrinsics")
    if camera is None:
        return None
    values = [camera.needed(key).number(-FARTHEST, FARTHEST) for key in _CAMERA]
    if min(values[:2]) <= 0:
        raise camera.wrong("focal lengths above 0 px", f"{min(values[:2]):g}")
    return values


def _detection(value: Value, classes: int, keypoints: int) -> dict[str, Any]:
    """Return the members of a detection; a pose that is not there is None."""
    box = value.needed("bbox")
    sides = [box.needed(key).number(0, 1) for key in _BOX]
    if min(sides[2:]) <= 0:
        raise box.wrong("a box of some width and height", f"{sides[2]:g}x{sides[3]:g}")
    depth, turn = value.member("log_z"), value.member("rot6d")
    rows = turn.numbers(6) if turn else None
    if turn and rows and min(math.hypot(*rows[:3]), math.hypot(*rows[3:])) < _SMALL:
        raise turn.wrong("two rows with a direction", "zeros")
    offsets, change, joints = (value.member(key) for key in ("offsets", "k_delta", "keypoints"))
    return {
        "class_id": value.needed("class_id").whole(0, classes - 1),
        "score": value.needed("score").number(0, 1),
        "bbox": sides,
        "log_z": depth.number(-20, 20) if depth else None,
        "rot6d": rows,
        "offsets": offsets.numbers(2) if offsets else [0.0, 0.0],
        "k_delta": change.numbers(4) if change else [0.0] * 4,
        "keypoints": joints.joints(keypoints) if joints else [0.0] * 3 * keypoints,
    }


def _objects(
    rows: Sequence[Sequence[dict[str, Any]]],
    cameras: Sequence[list[float] | None],
    size: Size,
    keypoints: int,
) -> Objects:
    frames, places = len(rows), max(1, max(map(len, rows)))
    every = [row for image in rows for row in image]
    count = torch.tensor([len(image) for image in rows])
    present = torch.arange(places) < count[:, None]

    def placed(name: str, *shape: int) -> Tensor:
        table = torch.zeros(frames, places, *shape)
        table[present] = torch.tensor([row[name] for row in every]).float().reshape(-1, *shape)
        return table

    scale = torch.tensor([size[1], size[0]]).float()
    boxes, joints = placed("bbox", 4), placed("keypoints", keypoints, 3)
    found = Objects(
        boxes=to_corners(boxes) * scale.repeat(2) * present[..., None],
        scores=placed("score"),
        classes=placed("class_id").long(),
        count=count,
        canvas=size,
        keypoints=joints[..., :2] * scale,
        confidence=joints[..., 2],
    )
    known = [camera for camera in cameras if camera is not None]
    posed = all(row["log_z"] is not None and row["rot6d"] is not None for row in every)
    if len(known) < frames or not posed or not every:
        return found
    intrinsics = torch.tensor(known).float()
    origin = boxes[..., :2] * scale + placed("offsets", 2)
    lens = corrected(intrinsics[:, None], placed("k_delta", 4))
    place = lifted(origin, placed("log_z").exp()[..., None], lens)
    turns = torch.eye(3).repeat(frames, places, 1, 1)
    turns[present] = from_two_rows(placed("rot6d", 6)[present])
    fx, fy, cx, cy = intrinsics.unbind(1)
    return replace(
        found,
        rotation=turns,
        translation=place * present[..., None],
        camera=Camera(fx, fy, cx, cy, size, axes="y_down"),
    )
