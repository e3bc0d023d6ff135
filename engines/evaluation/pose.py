"""Evaluate poses: COCO's average precision over annotated frames, and pixels by joint.

The precisions are pycocotools' own; this module adds the choice of images, and the distances.
"""

import hashlib
import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ..files import sha256_of
from ..pose.files import look, predictions
from ..pose.poses import Poses
from .annotations import Annotations, read_annotations
from .coco import HEIGHTS, MATCH, SUMMARY, by_height, figure, finite, joint_distances, judged
from .matching import join_frames, read_file, results_in, results_of
from .report import report

SCHEMA = 1


def evaluate_poses(
    poses: Poses, annotations: Path, *, images: Sequence[int] | None = None
) -> dict[str, Any]:
    """Judge poses by a file of COCO keypoint annotations.

    images: id of the image that each frame is; None: an image is the frame of the number in its
            file name or, if those do not fit, of its id. Frames without annotations do not count

    Joints that are not seen count as missed, wherever they lie. Returns the report, which is
    JSON: `summary` (COCO's ten figures), `heights` (the same by the person's height in pixels),
    `joints` (mean distance in pixels), `counts`, `thresholds`, `meta`; None where there was
    nothing to judge. Raises `InputError` without pycocotools, for malformed annotations, for
    frames that do not fit the images.
    """
    truth = read_annotations(annotations)
    joined, how = join_frames(poses, truth, images)
    results = results_of(poses, joined, scaled=False, truth=truth)
    return _report(results, truth, {"frames": len(poses), "joined_by": how})


def evaluate_file(path: Path, annotations: Path) -> dict[str, Any]:
    """Judge a file, or OpenPose's folder, of poses in any of the formats that are read.

    COCO results are taken as they are. Predictions are joined to the images by name and scaled
    to their sizes. The rest is mapped as `evaluate_poses` does. Raises as it does, and for a
    malformed file of poses.
    """
    truth = read_annotations(annotations)
    kind, document = look(path)
    about: dict[str, Any] = {"file": str(path), "sha256": _sha256(path), "format": kind}
    if kind == "coco":
        results = results_in(document, truth)
    elif kind == "predictions":
        names = [image.name for image in truth.images]
        poses = predictions.parse(document, canvas=(1, 1), images=names, others=True)
        results = results_of(poses, truth.images, scaled=True, truth=truth)
    else:
        poses = read_file(path, kind, truth)
        joined, how = join_frames(poses, truth, None)
        results = results_of(poses, joined, scaled=False, truth=truth)
        about |= {"frames": len(poses), "joined_by": how}
    return _report(results, truth, about)


def _report(
    results: list[dict[str, Any]], truth: Annotations, about: dict[str, Any]
) -> dict[str, Any]:
    ignored = sum(bool(p["iscrowd"] or not p["num_keypoints"]) for p in truth.people)
    with redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        judge = judged(results, truth)
        judge.summarize()
        summary = dict(zip(SUMMARY, map(figure, judge.stats), strict=True))
        joints = joint_distances(judge)
        heights = by_height(judge)
    thresholds = {
        "oks": [round(float(t), 2) for t in judge.params.iouThrs],
        "sigmas": judge.params.kpt_oks_sigmas.tolist(),
        "max_people": int(judge.params.maxDets[-1]),
        "joints_oks": MATCH,
        "heights": {name: [low, finite(high)] for name, (low, high) in HEIGHTS.items()},
    }
    meta = {
        "predictions": about,
        "annotations": {"file": str(truth.path), "sha256": sha256_of(truth.path)},
    }
    figures = {
        "thresholds": thresholds,
        "counts": {
            "images": len(truth.images),
            "people": len(truth.people) - ignored,
            "ignored_people": ignored,
            "predictions": len(results),
        },
        "summary": summary,
        "heights": heights,
        "joints": joints,
    }
    return report("pose", SCHEMA, figures, about=meta, packages=("numpy", "pycocotools"))


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and sums of a folder's files."""
    if not path.is_dir():
        return sha256_of(path)
    lines = [f"{sha256_of(p)}  {p.name}\n" for p in sorted(path.iterdir()) if p.is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
