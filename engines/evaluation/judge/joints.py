"""How far keypoints are from the labelled ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...datasets.records import Record, RecordKinds
from .found import Found
from .pairs import Pairs

PCK = 0.1
"""Of the box's longer side, as a part of the image's: within it a keypoint is right."""


def joint_figures(
    found: Sequence[Found], truths: Sequence[Record], pairs: Sequence[Pairs], kinds: RecordKinds
) -> dict[str, Any]:
    """Return PCK and mean distances of the keypoints.

    Keys: `pck`, the part of all labelled keypoints that are right, those of missed objects not
    being right; `pck_matched` and `mean_norm_l2`, of found objects alone; `labelled` and
    `correct` keypoints of those; `by_keypoint`, the `pck` of each. None without anything labelled.
    """
    near, seen, there = [], [], []
    for some, truth, pair in zip(found, truths, pairs, strict=True):
        side = truth.boxes[:, 2:].max(1, initial=0)[:, None]
        joints = some.keypoints[pair.place] if len(some) else np.zeros_like(truth.keypoints)
        apart = np.linalg.norm(joints[..., :2] - truth.keypoints[..., :2], axis=-1) / side
        near.append(apart)
        seen.append(truth.keypoints[..., 2] > 0)
        there.append(np.broadcast_to(pair.place[:, None] >= 0, apart.shape))
    distance, labelled, matched = (np.concatenate(part) for part in (near, seen, there))
    both = labelled & matched
    right = both & (distance <= PCK)

    def part(some: Any, of: Any) -> float | None:
        return float(some.sum() / of.sum()) if of.any() else None

    return {
        "pck": part(right, labelled),
        "pck_matched": part(right, both),
        "mean_norm_l2": float(distance[both].mean()) if both.any() else None,
        "labelled": int(both.sum()),
        "correct": int(right.sum()),
        "by_keypoint": {
            name: part(right[:, number], labelled[:, number])
            for number, name in enumerate(kinds.keypoints)
        },
    }
