"""Predictions that say what the labels say, and ways to make them worse."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kinograph.engines.datasets.coco_yolo.read_records import read_records
from kinograph.engines.datasets.records import Record, Records
from kinograph.engines.datasets.synthesise import write_cuboids
from kinograph.engines.document import as_text

Entries = list[dict[str, Any]]


def write_data(root: Path, images: int = 10, classes: int = 2) -> Records:
    """Write a split `val` of cuboids of two classes, of which the second is symmetric."""
    write_cuboids(root, {"val": images}, size=(64, 96), classes=classes)
    return read_records(root, "val")


def perfect(data: Records) -> Entries:
    return [_entry(record) for record in data.images]


def _entry(record: Record) -> dict[str, Any]:
    height, width = record.size
    assert record.rotation is not None
    assert record.translation is not None
    assert record.intrinsics is not None
    seen = record.translation[:, :2] / record.translation[:, 2:]
    seen = seen * record.intrinsics[:2] + record.intrinsics[2:]
    detections = [
        {
            "class_id": int(record.classes[n]),
            "score": 0.9 - 0.01 * n,
            "bbox": dict(zip(("cx", "cy", "w", "h"), record.boxes[n].tolist(), strict=True)),
            "log_z": float(np.log(record.translation[n, 2])),
            "rot6d": record.rotation[n, :2].ravel().tolist(),
            "offsets": (seen[n] - record.boxes[n, :2] * [width, height]).tolist(),
            "k_delta": [0.0] * 4,
            "keypoints": _joints(record, n),
        }
        for n in range(len(record))
    ]
    return {
        "image": record.name,
        "detections": detections,
        "image_size": {"width": width, "height": height},
        "intrinsics": dict(zip(("fx", "fy", "cx", "cy"), record.intrinsics.tolist(), strict=True)),
    }


def _joints(record: Record, number: int) -> list[float]:
    """Return all corners, also those that the labels leave out."""
    assert record.rotation is not None
    assert record.translation is not None
    assert record.intrinsics is not None
    placed = record.cad_points[number] @ record.rotation[number].T + record.translation[number]
    seen = placed[:, :2] / placed[:, 2:] * record.intrinsics[:2] + record.intrinsics[2:]
    flat: list[float] = np.c_[seen / record.size[::-1], np.ones(len(seen))].ravel().tolist()
    return flat


def changed(entries: Entries, change: Callable[[dict[str, Any]], Any]) -> Entries:
    """Return entries with every detection changed in place by `change`."""
    copied = copy.deepcopy(entries)
    for entry in copied:
        for found in entry["detections"]:
            change(found)
    return copied


def turned(found: dict[str, Any], degrees: float) -> None:
    """Turn a detection about the optical axis."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found["rot6d"] = (turn @ np.array(found["rot6d"]).reshape(2, 3)).ravel().tolist()


def write(entries: Any, path: Path) -> Path:
    path.write_text(as_text(entries))
    return path
