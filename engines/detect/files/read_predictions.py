"""Predictions from a file as `Objects`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...document import Value, load
from ...geometry.camera import Camera
from ...geometry.placement import Size
from ...geometry.rotations import from_two_rows
from ..objects import Objects
from ..projection import corrected, lifted
from ..rtdetr_pose.decode import to_corners
from .entries import check_one_size, checked_entries


def read_predictions(
    path: Path, images: Sequence[str], *, classes: int, keypoints: int = 0
) -> Objects:
    """Return the objects of a file of predictions for `images`, in their order.

    classes, keypoints: how many there are

    Places in space are there if every image has intrinsics and every detection a depth and a
    rotation. Coordinates are px of the network's input.

    Raises `InputError` as `read_entries` does, and for images of different input sizes.
    """
    return objects_in(load(path), images, classes=classes, keypoints=keypoints)


def objects_in(
    document: Value, images: Sequence[str], *, classes: int, keypoints: int = 0
) -> Objects:
    """Return the objects of a document of predictions; see `read_predictions`."""
    entries = checked_entries(document, images, classes=classes, keypoints=keypoints).entries
    size = check_one_size(entries, document.source)
    rows = [sorted(entry.detections, key=lambda row: -row["score"]) for entry in entries]
    return _objects(rows, [entry.intrinsics for entry in entries], size, keypoints)


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
