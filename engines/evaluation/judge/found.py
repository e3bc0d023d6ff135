"""What was found in an image, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.records import Array
from ...detect.files.entries import Entry
from .turns import from_two_rows


@dataclass(frozen=True, kw_only=True)
class Found:
    """P detections in one image, in the order in which they were told.

    size:        height and width of the network's input, px; None: not known
    classes:     [P] int64
    scores:      [P] 0..1
    boxes:       [P,4] cx, cy, w, h as parts of the image
    keypoints:   [P,K,3] x, y as parts of the image, and how sure; zeros if not told
    rotation:    [P,3,3]; NaN where not told
    translation: [P,3] m; NaN where not told
    intrinsics:  [4] fx, fy, cx, cy in px of the input, as they were given; None: not known
    """

    name: str
    size: tuple[int, int] | None
    classes: NDArray[np.int64]
    scores: Array
    boxes: Array
    keypoints: Array
    rotation: Array
    translation: Array
    intrinsics: Array | None = None

    def __len__(self) -> int:
        return len(self.classes)

    def at(self, which: NDArray[Any]) -> Found:
        """Return some of the detections. which: numbers, or a mask [P]."""
        names = ("classes", "scores", "boxes", "keypoints", "rotation", "translation")
        return replace(self, **{name: getattr(self, name)[which] for name in names})

    @classmethod
    def of(cls, entry: Entry, keypoints: int) -> Found:
        """Return the detections of a checked entry with so many keypoints each."""
        rows = entry.detections

        def column(name: str, *shape: int) -> Array:
            absent = np.full(shape, np.nan)
            values = [absent if row[name] is None else row[name] for row in rows]
            return np.array(values, np.float64).reshape(len(rows), *shape)

        camera = None if entry.intrinsics is None else np.array(entry.intrinsics)
        turns, depth = column("rot6d", 6), np.exp(column("log_z"))
        place = np.full((len(rows), 3), np.nan)
        boxes = column("bbox", 4)
        if camera is not None and entry.size is not None:
            change = column("k_delta", 4)
            focal, middle = camera[:2] * (1 + change[:, :2]), camera[2:] + change[:, 2:]
            seen = boxes[:, :2] * entry.size[::-1] + column("offsets", 2)
            place = np.concatenate([(seen - middle) / focal, np.ones((len(rows), 1))], 1)
            place *= depth[:, None]
        return cls(
            name=entry.name,
            size=entry.size,
            classes=np.array([row["class_id"] for row in rows], np.int64),
            scores=column("score"),
            boxes=boxes,
            keypoints=column("keypoints", 3 * keypoints).reshape(len(rows), keypoints, 3),
            rotation=from_two_rows(turns),
            translation=place,
            intrinsics=camera,
        )
