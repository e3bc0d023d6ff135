"""How well objects were found: COCO's box average precision, and the errors of their poses."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..datasets.coco_yolo.read import read_coco_yolo
from ..datasets.object_targets import symmetries_of
from ..datasets.object_truth import ObjectKinds, ObjectTruth
from ..detect.files.read_predictions import read_predictions
from ..detect.objects import Objects
from ..detect.rtdetr_pose.decode import to_corners
from ..errors import InputError
from ..files import sha256_of
from ..geometry.boxes import iou
from .report import report

_MATCH = 0.5  # least IoU of a box with the truth that its pose is compared with
_ADD = 0.1  # of the diameter, within which a pose is right (Hinterstoisser et al., ACCV 2012)
_SPREAD = 2000  # points of a shape that its diameter is measured between


def evaluate_objects(
    found: Objects, truths: Sequence[ObjectTruth], kinds: ObjectKinds
) -> dict[str, Any]:
    """Return figures of what was found in images of the size `found.canvas`.

    found:  on the CPU, in the order of `truths`

    Keys: `box_ap`, `box_ap_50`, the fractions of COCO; `objects`, how many there are; `matched`,
    how many have a box of their class with IoU 0.5; and where poses are known
    `rotation_median_deg`, `translation_median_m` and `add_10`, the fraction whose points lie within
    a tenth of the diameter. An object that is not matched counts as turned by 180 degrees,
    infinitely far away and wrong. A figure without anything to measure is None.

    Raises `InputError` for another number of images, and if pycocotools is not installed.
    """
    if len(found) != len(truths):
        raise InputError(
            f"objects: expected those of {len(truths)} images, found those of {len(found)}"
        )
    scale = torch.tensor([found.canvas[1], found.canvas[0]]).repeat(2)
    boxes = [to_corners(truth.boxes) * scale for truth in truths]
    pairs = [
        _matched(found, frame, truth, corners)
        for frame, (truth, corners) in enumerate(zip(truths, boxes, strict=True))
    ]
    return {
        **_precision(found, truths, boxes, len(kinds.classes)),
        "objects": sum(len(truth) for truth in truths),
        "matched": sum(int((pair >= 0).sum()) for pair in pairs),
        **_pose_errors(found, truths, pairs, kinds),
    }


def evaluate_predictions(path: Path, root: Path, split: str) -> dict[str, Any]:
    """Return the report of a file of predictions for a split of a coco-yolo data set.

    Raises `InputError` as `read_coco_yolo`, `read_predictions` and `evaluate_objects` do.
    """
    data = read_coco_yolo(root, split)
    found = read_predictions(
        path,
        [truth.name for truth in data.images],
        classes=len(data.kinds.classes),
        keypoints=len(data.kinds.keypoints),
    )
    return report(
        "objects",
        1,
        {"metrics": evaluate_objects(found, data.images, data.kinds)},
        about={
            "predictions": {"file": str(path), "sha256": sha256_of(path)},
            "dataset": {"root": str(root), "split": split, "images": len(data.images)},
            "thresholds": {"iou": _MATCH, "add": _ADD},
        },
        packages=("pycocotools", "scipy"),
    )


def _matched(found: Objects, frame: int, truth: ObjectTruth, boxes: Tensor) -> Tensor:
    """Return [N] the place of each object's box, no box being of two objects; -1 for none.

    As many objects as possible have a box, and of these boxes the surest.
    """
    from scipy.optimize import linear_sum_assignment

    count = int(found.count[frame])
    matched = torch.full((len(truth),), -1)
    near = iou(boxes[:, None], found.boxes[frame, None, :count]) > _MATCH  # [N,P]
    near &= truth.classes[:, None] == found.classes[frame, None, :count]
    worth = near * (1 + found.scores[frame, None, :count] / (1 + len(truth)))
    rows, places = map(torch.from_numpy, linear_sum_assignment(worth.numpy(), maximize=True))
    fits = near[rows, places]
    matched[rows[fits]] = places[fits]
    return matched


def _precision(
    found: Objects, truths: Sequence[ObjectTruth], boxes: Sequence[Tensor], classes: int
) -> Mapping[str, float | None]:
    try:
        coco, cocoeval = import_module("pycocotools.coco"), import_module("pycocotools.cocoeval")
    except ImportError as error:
        raise InputError(
            "evaluating objects needs pycocotools, which is not installed; "
            "run: pip install pycocotools"
        ) from error
    annotations: list[dict[str, Any]] = []
    for image, (truth, corners) in enumerate(zip(truths, boxes, strict=True)):
        for kind, (x0, y0, x1, y1) in zip(truth.classes.tolist(), corners.tolist(), strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": kind,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                }
            )
    frame, place = found.present.nonzero().unbind(1)
    x0, y0, x1, y1 = found.boxes[frame, place].unbind(1)
    rows = zip(
        frame.tolist(),
        found.classes[frame, place].tolist(),
        torch.stack([x0, y0, x1 - x0, y1 - y0], 1).tolist(),
        found.scores[frame, place].tolist(),
        strict=True,
    )
    results = [
        {"image_id": image, "category_id": kind, "bbox": box, "score": score}
        for image, kind, box, score in rows
    ]
    if not annotations:
        return {"box_ap": None, "box_ap_50": None}
    if not results:
        return {"box_ap": 0.0, "box_ap_50": 0.0}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        true = coco.COCO()
        true.dataset = {
            "images": [{"id": image} for image in range(len(truths))],
            "annotations": annotations,
            "categories": [{"id": kind} for kind in range(classes)],
        }
        true.createIndex()
        judge = cocoeval.COCOeval(true, true.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return {"box_ap": float(judge.stats[0]), "box_ap_50": float(judge.stats[1])}


def _pose_errors(
    found: Objects, truths: Sequence[ObjectTruth], pairs: Sequence[Tensor], kinds: ObjectKinds
) -> dict[str, float | None]:
    """Return the figures of poses, over all objects whose pose is known."""
    symmetries = symmetries_of(kinds)
    degrees, metres, right = [], [], []
    for frame, (truth, pair) in enumerate(zip(truths, pairs, strict=True)):
        if truth.rotation is None or truth.translation is None or not len(truth):
            continue
        missed = pair < 0
        if found.rotation is None or found.translation is None:
            missed = torch.ones_like(missed)
            turn, place = truth.rotation, truth.translation
        else:
            turn, place = found.rotation[frame, pair], found.translation[frame, pair]
        angle = symmetries.angle(turn, truth.rotation, truth.classes).rad2deg()
        degrees.append(torch.where(missed, 180.0, angle))
        far = (place - truth.translation).norm(dim=-1)
        metres.append(torch.where(missed, torch.inf, far))
        if truth.cad_points:
            near = _points_near(truth, turn, place, symmetries.rotations[truth.classes])
            right.append(near & ~missed)
    return {
        "rotation_median_deg": float(torch.cat(degrees).median()) if degrees else None,
        "translation_median_m": _finite(torch.cat(metres).median()) if metres else None,
        "add_10": float(torch.cat(right).float().mean()) if right else None,
    }


def _points_near(truth: ObjectTruth, turn: Tensor, place: Tensor, same: Tensor) -> Tensor:
    """Return [N], whether the points of each object lie within a tenth of its diameter on average,
    in the best of the turns `same` [N,S,3,3] that look alike."""
    assert truth.rotation is not None
    assert truth.translation is not None
    near = []
    for number, points in enumerate(truth.cad_points):
        true = points @ (truth.rotation[number] @ same[number]).mT  # [S,V,3]
        shift = (place - truth.translation)[number]
        apart = (points @ turn[number].mT + shift - true).norm(dim=-1).mean(-1).min()
        some = points[:: -(-len(points) // _SPREAD)]
        near.append(apart < _ADD * torch.cdist(some, some).max())
    return torch.stack(near)


def _finite(value: Tensor) -> float | None:
    return float(value) if bool(value.isfinite()) else None
