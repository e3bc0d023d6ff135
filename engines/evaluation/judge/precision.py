"""COCO's average precision and recall, of boxes and of keypoints, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ...datasets.records import Array, Record, RecordKinds
from ...errors import InputError
from .found import Found

_BOX = (  # pycocotools' order
    *("ap", "ap_50", "ap_75", "ap_small", "ap_medium", "ap_large"),
    *("ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large"),
)
_OKS = (
    *("ap", "ap_50", "ap_75", "ap_medium", "ap_large"),
    *("ar", "ar_50", "ar_75", "ar_medium", "ar_large"),
)


def average_precision(
    found: Sequence[Found], truths: Sequence[Record], kinds: RecordKinds, *, keypoints: bool = False
) -> dict[str, Any]:
    """Return COCO's figures, measured in px of the images themselves.

    keypoints: by OKS of the keypoints, with the data set's sigmas and the box's area, instead of
               by IoU of the boxes

    Keys: the twelve figures of boxes, or the ten of keypoints; `by_class`, the AP of each class;
    `curves`, of each class precision [101] at recalls 0, 0.01 ... 1 with an IoU or OKS of 0.5.
    A figure without anything to measure is None.

    Raises `InputError` if pycocotools is not installed.
    """
    names = _OKS if keypoints else _BOX
    annotations = _annotations(truths)
    labelled = sum(a["num_keypoints"] > 0 for a in annotations) if keypoints else len(annotations)
    by_class: dict[str, float | None] = dict.fromkeys(kinds.classes)
    if not labelled:
        return {**dict.fromkeys(names), "by_class": by_class, "curves": {}}
    results = _results(found, truths)
    if not results:
        counts = np.bincount([a["category_id"] for a in annotations], minlength=len(by_class))
        there = {name: 0.0 if n else None for name, n in zip(by_class, counts, strict=True)}
        return {**dict.fromkeys(names, 0.0), "by_class": there, "curves": {}}
    try:
        coco, cocoeval = import_module("pycocotools.coco"), import_module("pycocotools.cocoeval")
    except ImportError as error:
        raise InputError(
            "evaluating objects needs pycocotools, which is not installed; "
            "run: pip install pycocotools"
        ) from error
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        true = coco.COCO()
        true.dataset = {
            "images": [{"id": image} for image in range(len(truths))],
            "annotations": annotations,
            "categories": [{"id": kind} for kind in range(len(kinds.classes))],
        }
        true.createIndex()
        judge = cocoeval.COCOeval(true, true.loadRes(results), "keypoints" if keypoints else "bbox")
        if keypoints:
            judge.params.kpt_oks_sigmas = kinds.sigmas
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    precision: Array = judge.eval["precision"]  # [IoU,recall,class,area,most]
    for number, name in enumerate(kinds.classes):
        by_class[name] = _mean(precision[:, :, number, 0, -1])
    return {
        **{
            name: None if value == -1 else float(value)
            for name, value in zip(names, judge.stats, strict=True)
        },
        "by_class": by_class,
        "curves": {
            name: np.maximum(precision[0, :, number, 0, -1], 0).tolist()
            for number, name in enumerate(kinds.classes)
            if by_class[name] is not None
        },
    }


def _mean(values: Array) -> float | None:
    """Return the mean of what was judged: -1 stands for nothing to judge."""
    there = values[values > -1]
    return float(there.mean()) if there.size else None


def _corners(boxes: Array, size: tuple[int, int]) -> list[list[float]]:
    """Return x, y, w, h in px of the image."""
    scale = np.array(size[::-1] * 2, np.float64)
    rows = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], 1) * scale
    listed: list[list[float]] = rows.tolist()
    return listed


def _joints(keypoints: Array, size: tuple[int, int]) -> list[list[float]]:
    """Return x, y, v of each keypoint in px of the image."""
    flat = keypoints * [size[1], size[0], 1]
    rows: list[list[float]] = flat.reshape(len(flat), 3 * flat.shape[1]).tolist()
    return rows


def _annotations(truths: Sequence[Record]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for image, truth in enumerate(truths):
        columns = zip(
            truth.classes.tolist(),
            _corners(truth.boxes, truth.size),
            _joints(truth.keypoints, truth.size),
            (truth.keypoints[..., 2] > 0).sum(1).tolist(),
            strict=True,
        )
        for kind, box, joints, labelled in columns:
            listed.append(
                {
                    "id": len(listed) + 1,  # pycocotools treats the id 0 as no match
                    "image_id": image,
                    "category_id": kind,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "keypoints": joints,
                    "num_keypoints": labelled,
                }
            )
    return listed


def _results(found: Sequence[Found], truths: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": image,
            "category_id": kind,
            "bbox": box,
            "score": score,
            "keypoints": joints,
        }
        for image, (some, truth) in enumerate(zip(found, truths, strict=True))
        for kind, box, score, joints in zip(
            some.classes.tolist(),
            _corners(some.boxes, truth.size),
            some.scores.tolist(),
            _joints(some.keypoints, truth.size),
            strict=True,
        )
    ]
