"""Everything that is measured of what was found in a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.records import Array, Record, RecordKinds
from ...errors import InputError
from .confusion import confusion
from .errors import Errors, errors_of
from .found import Found
from .joints import joint_figures
from .pairs import MATCH, Pairs, matched
from .pnp import Consistency, consistency
from .precision import average_precision

ADD = 0.1
"""Of the diameter, within which a pose is right (Hinterstoisser et al., ACCV 2012)."""
SURE = 0.3
"""Scores above it count in the confusion of classes and as false alarms."""


@dataclass(frozen=True)
class Judgement:
    """What was found, the truth, and every comparison of the two.

    boxes, keypoints: COCO's figures; keypoints is None where the data set has none
    confusion: [C+1,C+1], see `confusion`
    """

    found: tuple[Found, ...]
    truths: tuple[Record, ...]
    kinds: RecordKinds
    pairs: tuple[Pairs, ...]
    errors: Errors
    boxes: dict[str, Any]
    keypoints: dict[str, Any] | None
    joints: dict[str, Any] | None
    consistency: Consistency
    confusion: NDArray[np.int64]


def judge(
    found: Sequence[Found],
    truths: Sequence[Record],
    kinds: RecordKinds,
    *,
    least: float = MATCH,
) -> Judgement:
    """Compare what was found with the truth, image by image in the same order.

    least: IoU of a box with the truth that it is of, above 0 and at most 1

    Raises `InputError` for an IoU out of range, for another number of images, and if pycocotools is
    not installed.
    """
    if not 0 < least <= 1:
        raise InputError(f"IoU threshold: expected above 0 and at most 1, found {least}")
    if len(found) != len(truths):
        raise InputError(
            f"objects: expected those of {len(truths)} images, found those of {len(found)}"
        )
    pairs = [matched(some, truth, least=least) for some, truth in zip(found, truths, strict=True)]
    return Judgement(
        found=tuple(found),
        truths=tuple(truths),
        kinds=kinds,
        pairs=tuple(pairs),
        errors=errors_of(found, truths, pairs, kinds),
        boxes=average_precision(found, truths, kinds),
        keypoints=average_precision(found, truths, kinds, keypoints=True)
        if kinds.keypoints
        else None,
        joints=joint_figures(found, truths, pairs, kinds) if kinds.keypoints else None,
        consistency=consistency(found, truths, pairs),
        confusion=confusion(found, truths, len(kinds.classes), SURE),
    )


def figures(judged: Judgement) -> dict[str, float | int | None]:
    """Return the figures of a judgement, over all objects: one that was missed counts as wrong.

    Medians of objects that were missed are 180 degrees and, as JSON has no infinity, None. A
    figure without anything to measure is None, too.
    """
    errors, told = judged.errors, judged.consistency
    shaped = ~np.isnan(errors.add)
    keypoints, joints = judged.keypoints or {}, judged.joints or {}
    limit = ADD * errors.diameter[shaped]
    return {
        "box_ap": judged.boxes["ap"],
        "box_ap_50": judged.boxes["ap_50"],
        "box_ar_100": judged.boxes["ar_100"],
        "keypoint_ap": keypoints.get("ap"),
        "keypoint_ap_50": keypoints.get("ap_50"),
        "pck": joints.get("pck"),
        "objects": len(errors),
        "matched": int((~errors.missed).sum()),
        "rotation_median_deg": median(errors.rotation),
        "rotation_mean_deg": _mean(errors.rotation),
        "translation_median_m": median(errors.distance),
        "depth_median_m": median(errors.depth),
        "add_median_m": median(errors.add),
        "adds_median_m": median(errors.adds),
        "add_10": float((errors.add[shaped] < limit).mean()) if shaped.any() else None,
        "adds_10": float((errors.adds[shaped] < limit).mean()) if shaped.any() else None,
        "pnp_rotation_median_deg": median(told.rotation),
        "pnp_translation_median_m": median(told.distance),
        "reprojection_median": median(told.reprojection),
    }


def contract_figures(judged: Judgement) -> dict[str, dict[str, Any]]:
    """Return the figures by the names, and as the definitions, of YOLOZU's evaluators.

    They look at found objects alone, and at the very rotation of the truth, symmetric or not.
    """
    errors = judged.errors
    there = ~errors.missed

    def known(values: Array) -> Array:
        return values[there & np.isfinite(values)]

    distance = known(errors.distance)
    # A pose that was not told counts as turned by 180 degrees above, and as unknown here.
    told = np.array(
        [
            place >= 0 and bool(np.isfinite(judged.found[image].rotation[place]).all())
            for image, place in zip(errors.image, errors.place, strict=True)
        ],
        bool,
    )
    turned = errors.turned[told & np.isfinite(errors.turned)]
    both = told & np.isfinite(errors.turned) & np.isfinite(errors.distance)
    success = (errors.turned[both] <= 15) & (errors.distance[both] <= 0.1)
    series = {
        "rot_deg": turned,
        "trans_l2": distance,
        "depth_abs": known(errors.depth),
        "add": known(errors.add_plain),
        "adds": known(errors.adds),
    }
    metrics: dict[str, float | None] = {
        "match_rate": float(there.mean()) if len(errors) else None,
        "iou_mean": _mean(errors.iou[there]),
    }
    for name, values in series.items():
        metrics |= {f"{name}_mean": _mean(values), f"{name}_median": median(values)}
    metrics |= {
        "rot_success": _mean(turned <= 15),
        "trans_success": _mean(distance <= 0.1),
        "pose_success": _mean(success),
    }
    counts = {
        "gt_instances": len(errors),
        "pred_instances": sum(map(len, judged.found)),
        "matches": int(there.sum()),
        **{
            f"{name}_measured": len(series[key])
            for name, key in (
                *(("rot", "rot_deg"), ("trans", "trans_l2"), ("depth", "depth_abs")),
                *(("add", "add"), ("adds", "adds")),
            )
        },
        "pose_measured": int(both.sum()),
    }
    found: dict[str, dict[str, Any]] = {"pose": {"metrics": metrics, "counts": counts}}
    if judged.keypoints is not None and judged.joints is not None:
        oks, joints = judged.keypoints, judged.joints
        found["keypoints"] = {
            "metrics": {
                "pck": joints["pck_matched"],
                "mean_norm_l2": joints["mean_norm_l2"],
                "keypoints_labeled": joints["labelled"],
                "keypoints_correct": joints["correct"],
                "oks_map50_95": oks["ap"],
                "oks_map50": oks["ap_50"],
                "oks_map75": oks["ap_75"],
                "oks_ar50_95": oks["ar"],
            }
        }
    boxes = judged.boxes
    found["coco"] = {
        "metrics": {
            "map50_95": boxes["ap"],
            "map50": boxes["ap_50"],
            "map75": boxes["ap_75"],
            "ar100": boxes["ar_100"],
        }
    }
    return found


def median(values: Array) -> float | None:
    """Return the median of what is known; None if nothing is, or if it is infinite."""
    there = values[~np.isnan(values)]
    value = float(np.median(there)) if there.size else np.nan
    return value if np.isfinite(value) else None


def _mean(values: Array | NDArray[np.bool_]) -> float | None:
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size and bool(np.isfinite(there).all()) else None
