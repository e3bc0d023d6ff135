"""The report of how well objects were found in a data set, without importing PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.labelled import read_labelled
from ..datasets.records import Record, RecordKinds, Records
from ..detect.files.entries import Predictions, read_entries
from ..errors import InputError
from ..files import sha256_of
from .judge.found import Found
from .judge.judgement import ADD, Judgement, contract_figures, figures, judge
from .judge.pairs import MATCH
from .judge.table import image_rows
from .report import report

if TYPE_CHECKING:
    from ..datasets.object_truth import ObjectKinds, ObjectTruth
    from ..detect.objects import Objects

PACKAGES = ("numpy", "opencv-python-headless", "pycocotools", "scipy")


def evaluate_objects(
    found: Objects, truths: Sequence[ObjectTruth], kinds: ObjectKinds
) -> dict[str, Any]:
    """Return the `figures` of what was found in images of the size `found.canvas`.

    found: in the order of `truths`

    Raises `InputError` for another number of images or of keypoints, and if pycocotools is not
    installed.
    """
    records = [Record.of(truth) for truth in truths]
    points = len(kinds.keypoints)
    if found.keypoints.shape[2] not in (0, points):
        raise InputError(
            f"objects: expected {points} keypoints each, found {found.keypoints.shape[2]}"
        )
    return figures(judge(_found(found, records, points), records, RecordKinds.of(kinds)))


def judge_predictions(path: Path, data: Records) -> Judgement:
    """Return everything that is measured of a file of predictions for a data set.

    Raises `InputError` as `read_entries` and `judge` do.
    """
    return judge(found_in(read_predicted(path, data), data), data.images, data.kinds)


def read_predicted(path: Path, data: Records) -> Predictions:
    """Return the entries of a file for the images of a data set; see `read_entries`."""
    return read_entries(
        path,
        [record.name for record in data.images],
        classes=len(data.kinds.classes),
        keypoints=len(data.kinds.keypoints),
    )


def found_in(predictions: Predictions, data: Records) -> list[Found]:
    """Return the detections of checked entries, image by image."""
    keypoints = len(data.kinds.keypoints)
    return [Found.of(entry, keypoints) for entry in predictions.entries]


def evaluate_predictions(path: Path, root: Path, split: str) -> dict[str, Any]:
    """Return the report of a file of predictions for a split of a coco-yolo data set.

    Raises `InputError` as `read_labelled` and `judge_predictions` do.
    """
    data = read_labelled(root, split)
    return objects_report(judge_predictions(path, data), path, data)


def objects_report(judged: Judgement, path: Path, data: Records) -> dict[str, Any]:
    """Return the report of a judgement. path: the predictions."""
    return report(
        "objects",
        1,
        {
            "metrics": figures(judged),
            "boxes": judged.boxes,
            "keypoints": judged.keypoints,
            "joints": judged.joints,
            "confusion": {
                "classes": [*judged.kinds.classes, "nothing"],
                "counts": judged.confusion.tolist(),
            },
            "unmeasured": unmeasured(judged),
            "images": image_rows(judged),
            "contract": contract_figures(judged),
        },
        about={
            "predictions": {"file": str(path), "sha256": sha256_of(path)},
            "dataset": dataset_of(data),
            "thresholds": {"iou": MATCH, "add": ADD},
        },
        packages=PACKAGES,
    )


def dataset_of(data: Records) -> dict[str, Any]:
    """Return what a report tells of its data set."""
    return {"root": str(data.root), "split": data.split, "images": len(data.images)}


def unmeasured(judged: Judgement) -> dict[str, str]:
    """Return why figures are None, by name; only of those that are."""
    measured, errors = figures(judged), judged.errors
    reasons = {}
    for name, value in measured.items():
        if value is not None:
            continue
        if name.startswith(("pnp", "reprojection")):
            reasons[name] = judged.consistency.reason or "no pose follows from the keypoints"
        elif not len(errors):
            reasons[name] = "the images have no objects"
        elif name.startswith(("keypoint", "pck")):
            reasons[name] = "the data set has no labelled keypoints"
        elif name.startswith("box"):
            reasons[name] = "the images have no objects"
        else:
            reasons[name] = _why_no_pose(name, judged)
    return reasons


def _why_no_pose(name: str, judged: Judgement) -> str:
    truths = judged.truths
    if name.startswith("rotation") and all(truth.rotation is None for truth in truths):
        return "the labels tell no rotations"
    if name.startswith("translation") and all(truth.translation is None for truth in truths):
        return "the labels tell no translations"
    if name.startswith("depth") and all(truth.z is None for truth in truths):
        return "the labels tell no depths"
    if name.startswith("add") and not any(truth.cad_points for truth in truths):
        return "the labels tell no shapes"
    return "half of the objects or more were missed, or were found without a place in space"


def _found(found: Objects, records: Sequence[Record], points: int) -> list[Found]:
    """Return detections as arrays, as many images as there are in `found`.

    points: keypoints of each; zeros where `found` has none
    """
    import numpy as np

    height, width = found.canvas
    scale = np.array([width, height], np.float64)
    corners = found.boxes.double().cpu().numpy() / np.tile(scale, 2)
    boxes = np.concatenate(
        [(corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]], -1
    )
    joints = np.concatenate(
        [
            found.keypoints.double().cpu().numpy() / scale,
            found.confidence.double().cpu().numpy()[..., None],
        ],
        -1,
    )
    frames, places = boxes.shape[:2]
    if not joints.shape[2]:
        joints = np.zeros((frames, places, points, 3))
    turns = np.full((frames, places, 3, 3), np.nan)
    origins = np.full((frames, places, 3), np.nan)
    cameras = [None] * frames
    if found.rotation is not None and found.translation is not None and found.camera is not None:
        turns = found.rotation.double().cpu().numpy()
        origins = found.translation.double().cpu().numpy()
        table = found.camera.table(found.translation.dtype).double().cpu().numpy().T  # [F or 1,4]
        cameras = list(np.broadcast_to(table, (frames, 4)))
    rows = zip(found.count.tolist(), boxes, joints, turns, origins, cameras, strict=True)
    return [
        Found(
            name=records[frame].name if frame < len(records) else str(frame),
            size=found.canvas,
            classes=found.classes[frame, :count].cpu().numpy(),
            scores=found.scores[frame, :count].double().cpu().numpy(),
            boxes=box[:count],
            keypoints=joint[:count],
            rotation=turn[:count],
            translation=origin[:count],
            intrinsics=camera,
        )
        for frame, (count, box, joint, turn, origin, camera) in enumerate(rows)
    ]
