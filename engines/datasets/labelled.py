"""Labelled images on disk, in whichever form."""

from pathlib import Path

from ..errors import InputError
from .coco_json import annotations_of, read_coco_json
from .coco_yolo.kinds import FILE
from .coco_yolo.read_records import read_records
from .records import Records
from .ultralytics import read_ultralytics

_DATA = ("data.yaml", "data.yml")


def read_labelled(root: Path, split: str = "train") -> Records:
    """Read a split of a data set; the pixels of its images are not decoded yet.

    root: a folder with images/SPLIT, labels/SPLIT and dataset.json ("coco-yolo"); an Ultralytics
          data.yaml, or a folder with one; a COCO JSON of annotations, which is the split itself, or
          a folder with annotations/*_SPLIT.json

    Raises `LabelsError` that names every malformed line and member, and `InputError` for a folder
    that is none of these.
    """
    if root.suffix.lower() in (".yaml", ".yml"):
        return read_ultralytics(root, split)
    if root.suffix.lower() == ".json":
        return read_coco_json(root, split)
    if (root / FILE).is_file() or (root / "labels" / split / "classes.json").is_file():
        return read_records(root, split)
    for name in _DATA:
        if (root / name).is_file():
            return read_ultralytics(root / name, split)
    if found := annotations_of(root, split):
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise InputError(
                f"{root}: expected one file of annotations for {split}, found {names}; name the "
                "one to use"
            )
        return read_coco_json(found[0], split)
    return read_records(root, split)  # which says what is missing
