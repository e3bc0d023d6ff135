"""Judge objects that are in memory as a file of them would be."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..datasets.labelled import read_labelled
from ..detect.files.frames import to_predictions
from ..detect.objects import Objects
from ..document import dump
from ..errors import InputError
from ..words import counted
from .objects import evaluate_predictions


def evaluate_detections(found: Objects, root: Path, split: str) -> dict[str, Any]:
    """Return the report of what was found in the images of a split of a coco-yolo data set.

    found: in the order of the images' names, of the classes and keypoints of the data set

    Raises `InputError` for another number of images, for other names of classes or keypoints than
    the data set's, and as `evaluate_predictions` does.
    """
    data = read_labelled(root, split)
    images = [image.name for image in data.images]
    if len(found) != len(images):
        raise InputError(
            f"detections: expected those of the {counted(len(images), 'image')} of {root}, split "
            f"{split}, found {counted(len(found), 'frame')}; load the same images in the order of "
            "their names"
        )
    for what, ours, theirs in (
        ("classes", found.labels.classes, data.kinds.classes),
        ("keypoints", found.labels.keypoints, data.kinds.keypoints),
    ):
        if ours and ours != theirs:
            raise InputError(
                f"detections: {what}: expected {', '.join(theirs) or 'none'}, as in {root}, found "
                f"{', '.join(ours)}"
            )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.json"
        dump(to_predictions(found, images), path)
        report = evaluate_predictions(path, root, split)
    report["meta"]["predictions"] = {"detections": int(found.count.sum())}
    return report


def figures_table(report: Mapping[str, Any]) -> str:
    """Return the figures of a report of objects as lines of text, and why some, which are "-",
    could not be measured."""
    rows = [
        (name, "-" if value is None else f"{value:.4g}")
        for name, value in report["metrics"].items()
    ]
    wide = max(len(name) for name, _ in rows)
    lines = [f"{name:<{wide}}  {value}" for name, value in rows]
    reasons = report["unmeasured"]
    for reason in dict.fromkeys(reasons.values()):
        names = [name for name, why in reasons.items() if why == reason]
        lines.append(f"{', '.join(names)}: {reason}")
    return "\n".join(lines)
