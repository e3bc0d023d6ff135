"""Data sets as Ultralytics describes them: a data.yaml that names folders, classes and keypoints.

Images lie in folders named `images`, or are listed in text files; the labels of
`.../images/x/a.jpg` are `.../labels/x/a.txt`, with lines as in "coco-yolo".
"""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..document import Value
from ..errors import InputError, KinographError
from ..files import read_regular
from .coco_yolo.kinds import SIGMA, flip_of, names_of
from .coco_yolo.labels import parse_labels
from .coco_yolo.read_records import PICTURES, LabelsError, picture_size
from .person import person_kinds
from .records import Record, RecordKinds, Records, plain_kinds

_LARGEST = 2**24  # bytes of a list of images
_MOST_KEYPOINTS = 1000


def read_ultralytics(path: Path, split: str = "train") -> Records:
    """Read a split of a data.yaml. `val` also stands for what an older file calls `valid`.

    Raises `LabelsError` that names every malformed line, and `InputError` for a malformed
    description and for a split without images.
    """
    document = Value(_loaded(path), str(path))
    kinds, dimensions = _kinds(document)
    root = path.parent
    if given := document.member("path"):
        root = root / Path(given.text())
    images = _images(document, root, split)
    records: list[Record] = []
    problems: list[str] = []
    for image in images:
        try:
            record, wrong = _record(image, root, kinds, dimensions)
        except KinographError as error:
            problems.append(str(error))
            continue
        records.append(record)
        problems += wrong
    if problems:
        raise LabelsError(path, problems)
    return Records(path, split, kinds, tuple(records))


def _loaded(path: Path) -> Any:
    try:
        return yaml.safe_load(read_regular(path).decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise InputError(f"{path}: is not YAML: {why}") from error
    except RecursionError as error:
        raise InputError(f"{path}: nests too deep") from error


def _kinds(document: Value) -> tuple[RecordKinds, int]:
    """Return classes and keypoints, and how many numbers a keypoint has in the labels."""
    named = document.needed("names")
    raw = named.raw
    if isinstance(raw, dict):
        named = Value({str(key): value for key, value in raw.items()}, named.source)
    classes = names_of(named)
    if not classes:
        raise named.wrong("at least one class")
    if (count := document.member("nc")) and count.whole(1) != len(classes):
        raise count.wrong(f"{len(classes)}, as there are names")
    shape = document.member("kpt_shape")
    if shape is None:
        return plain_kinds(classes), 3
    sides = list(shape.entries("a number of keypoints, and 2 or 3"))
    if len(sides) != 2:
        raise shape.wrong("a number of keypoints, and 2 or 3")
    keypoints, dimensions = sides[0].whole(1, _MOST_KEYPOINTS), sides[1].whole(2, 3)
    swapped = document.member("flip_idx")
    flip = flip_of(swapped, keypoints) if swapped else ()
    person = person_kinds()
    if classes == person.classes and keypoints == len(person.keypoints):
        return person, dimensions
    names = tuple(f"point_{number}" for number in range(keypoints))
    if given := document.member("kpt_names"):
        first = given
        if isinstance(given.raw, dict):  # by class; all classes have the same keypoints here
            _, first = next(given.members("names by class"), ("", given))
        names = names_of(first)
        if len(names) != keypoints:
            raise first.wrong(f"{keypoints} names, as kpt_shape has", str(len(names)))
    return plain_kinds(classes, names, np.full(keypoints, SIGMA), flip), dimensions


def _images(document: Value, root: Path, split: str) -> list[Path]:
    """Return the images of a split, sorted within each folder or as they are listed."""
    given = document.member(split)
    if given is None and split == "val":
        given = document.member("valid")
    if given is None:
        given = document.needed(split)
    sources = list(given.entries("folders")) if isinstance(given.raw, list) else [given]
    found: list[Path] = []
    for source in sources:
        place = root / source.text()
        if place.is_dir():
            found += sorted(p for p in place.rglob("*") if p.suffix.lower() in PICTURES)
        elif place.is_file():
            found += _listed(place)
        else:
            raise source.wrong("a folder or a list of images", f"{place}, which does not exist")
    if not found:
        raise given.wrong(f"images ({', '.join(PICTURES)})", "none")
    if len(set(found)) < len(found):
        twice = next(path for path in found if found.count(path) > 1)
        raise given.wrong("each image once", f"{twice} twice")
    return found


def _listed(path: Path) -> list[Path]:
    try:
        lines = read_regular(path, _LARGEST).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a list of images, found bytes that are not text") from (
            error
        )
    return [path.parent / line.strip() for line in lines if line.strip()]


def _record(
    image: Path, root: Path, kinds: RecordKinds, dimensions: int
) -> tuple[Record, list[str]]:
    parts = list(image.parts)
    if "images" not in parts:
        raise InputError(
            f"{image}: expected a folder images on the way to it, as its labels are in a folder "
            "labels beside that"
        )
    at = len(parts) - 1 - parts[::-1].index("images")
    parts[at] = "labels"
    labels = Path(*parts).with_suffix(".txt")
    rows = np.zeros((0, 5 + 3 * len(kinds.keypoints)))
    problems: list[str] = []
    if labels.exists():
        rows, problems = parse_labels(labels, kinds, dimensions)
    try:
        name = image.relative_to(root).as_posix()
    except ValueError:
        name = image.as_posix()
    record = Record(
        name=name,
        size=picture_size(image),
        image=image,
        classes=rows[:, 0].astype(np.int64),
        boxes=rows[:, 1:5],
        keypoints=rows[:, 5:].reshape(len(rows), len(kinds.keypoints), 3),
    )
    return record, problems
