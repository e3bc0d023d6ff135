"""Annotations as COCO has them: one JSON for a split, with boxes and perhaps keypoints."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..document import Value, load
from ..errors import InputError, KinographError
from ..files import inside
from .coco_yolo.kinds import SIGMA, names_of
from .coco_yolo.read_records import LabelsError, picture_size
from .person import person_kinds
from .records import Record, RecordKinds, Records, plain_kinds

_FOLDER = "annotations"
_BEYOND = 1.0  # px that rounding may put the end of a box outside of the image


def annotations_of(root: Path, split: str) -> list[Path]:
    """Return the files annotations/*SPLIT.json of a folder; those of keypoints alone if there are
    some of both."""
    folder = root / _FOLDER
    found = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = [p for p in found if p.stem == split or p.stem.endswith(f"_{split}")]
    return [p for p in found if "keypoints" in p.stem] or found


def read_coco_json(path: Path, split: str = "train") -> Records:
    """Read a file of annotations.

    Its images lie beside it or, if it is in a folder `annotations`, beside that: in the folder
    SPLIT, images/SPLIT, images, or directly. Groups of people (`iscrowd`) are left out, and
    counted in a note.

    Raises `LabelsError` that names every malformed entry, `InputError` for a malformed description
    and for images that are not there.
    """
    document = load(path)
    kinds, numbers = _kinds(document)
    root = path.parent.parent if path.parent.name == _FOLDER else path.parent
    problems: list[str] = []
    images: dict[int, Record] = {}
    listed = list(document.needed("images").entries("a list of images"))
    if not listed:
        raise document.needed("images").wrong("at least one image", "none")
    folders = [root / split, root / "images" / split, root / "images", root]
    for entry in listed:
        try:
            number = entry.needed("id").whole(0)
            if number in images:
                raise entry.needed("id").wrong("each id once", f"{number} twice")
            images[number] = _image(entry, root, folders)
        except KinographError as error:
            problems.append(str(error))
    rows: dict[int, list[tuple[int, list[float], list[float]]]] = {n: [] for n in images}
    crowds = 0
    for entry in document.needed("annotations").entries("a list of annotations"):
        try:
            if (crowd := entry.member("iscrowd")) and crowd.whole(0, 1):
                crowds += 1
                continue
            at, row = _annotation(entry, images, kinds, numbers)
            rows[at].append(row)
        except KinographError as error:
            problems.append(str(error))
    if problems:
        raise LabelsError(path, problems)
    records = tuple(_filled(record, rows[n], kinds) for n, record in images.items())
    notes = (f"{path}: {crowds} groups (iscrowd): not used",) if crowds else ()
    return Records(path, split, kinds, records, notes)


def _kinds(document: Value) -> tuple[RecordKinds, dict[int, int]]:
    """Return classes and keypoints, and the class of each category's id."""
    categories = list(document.needed("categories").entries("a list of categories"))
    ids = [entry.needed("id").whole(0) for entry in categories]
    if not ids or len(set(ids)) < len(ids):
        raise document.needed("categories").wrong("at least one category, each id once")
    order = sorted(range(len(ids)), key=ids.__getitem__)
    named = [categories[n].needed("name").raw for n in order]
    classes = names_of(Value(named, f"{document.source}: categories: name"))
    points = {n: names_of(p) for n in order if (p := categories[n].member("keypoints"))}
    numbers = {ids[n]: place for place, n in enumerate(order)}
    if not points:
        return plain_kinds(classes), numbers
    if len(set(points.values())) > 1:
        raise document.needed("categories").wrong("the same keypoints in all categories")
    first = next(iter(points))
    keypoints = points[first]
    person = person_kinds()
    if (classes, keypoints) == (person.classes, person.keypoints):
        return person, numbers
    lines = categories[first].member("skeleton")
    pairs = [
        [end.whole(1, len(keypoints)) - 1 for end in pair.entries("two keypoints from 1")]
        for pair in (lines.entries("pairs of keypoints") if lines else ())
    ]
    if any(len(pair) != 2 for pair in pairs):
        raise categories[first].needed("skeleton").wrong("pairs of keypoints")
    known = dict(zip(person.keypoints, person.sigmas.tolist(), strict=True))
    sigmas = np.array([known.get(name, SIGMA) for name in keypoints])
    skeleton = tuple((a, b) for a, b in pairs)
    return plain_kinds(classes, keypoints, sigmas, skeleton=skeleton), numbers


def _image(entry: Value, root: Path, folders: Sequence[Path]) -> Record:
    given = entry.needed("file_name")
    name = given.text()
    try:
        places = [inside(folder, name) for folder in folders]
    except ValueError as error:
        raise given.wrong("the name of a file", str(error)) from error
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        where = ", ".join(f"{folder}/" for folder in folders)
        raise given.wrong(f"an image in {where}", f"{name[:100]!r}, which is in none")
    size = picture_size(path)
    told = entry.needed("height").whole(1), entry.needed("width").whole(1)
    if told != size:
        raise InputError(
            f"{path}: expected {told[1]}x{told[0]} px, as {entry.source} says, found "
            f"{size[1]}x{size[0]}"
        )
    return Record(
        name=path.relative_to(root).as_posix(),
        size=size,
        image=path,
        classes=np.zeros(0, np.int64),
        boxes=np.zeros((0, 4)),
        keypoints=np.zeros((0, 0, 3)),
    )


def _annotation(
    entry: Value,
    images: Mapping[int, Record],
    kinds: RecordKinds,
    numbers: Mapping[int, int],
) -> tuple[int, tuple[int, list[float], list[float]]]:
    """Return the image's id, and class, box and keypoints as parts of the image."""
    image, category = entry.needed("image_id"), entry.needed("category_id")
    at, kind = image.whole(0), category.whole(0)
    if at not in images:
        raise image.wrong("the id of an image", str(at))
    if kind not in numbers:
        raise category.wrong("the id of a category", str(kind))
    height, width = images[at].size
    box = entry.needed("bbox")
    x, y, w, h = box.numbers(4)
    if not (w > 0 and h > 0):
        raise box.wrong("a box of some width and height", f"{w:g}x{h:g}")
    if min(x, y, width - x - w, height - y - h) < -_BEYOND:
        raise box.wrong(
            f"a box inside the image of {width}x{height} px", f"{x:g} {y:g} {w:g} {h:g}"
        )
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
    parts = [(left + right) / 2 / width, (top + bottom) / 2 / height]
    parts += [(right - left) / width, (bottom - top) / height]
    return at, (numbers[kind], parts, _keypoints(entry, kinds, (height, width)))


def _keypoints(entry: Value, kinds: RecordKinds, size: tuple[int, int]) -> list[float]:
    """Return x, y as parts of the image and the visibility, in turn; zeros if there are none."""
    count = len(kinds.keypoints)
    given = entry.member("keypoints")
    if given is None or not count:
        return [0.0] * 3 * count
    values = given.numbers(3 * count)
    found: list[float] = []
    for number in range(count):
        x, y, seen = values[3 * number :][:3]
        if seen not in (0, 1, 2):
            raise given.wrong("visibilities of 0, 1 or 2", f"{seen:g} of {kinds.keypoints[number]}")
        part = min(max(x, 0), size[1]) / size[1], min(max(y, 0), size[0]) / size[0]
        if seen and max(-x, -y, x - size[1], y - size[0]) > _BEYOND:
            raise given.wrong(
                f"places inside the image of {size[1]}x{size[0]} px",
                f"{x:g} {y:g} of {kinds.keypoints[number]}",
            )
        found += [*part, seen] if seen else [0.0, 0.0, 0.0]
    return found


def _filled(record: Record, rows: Sequence[Any], kinds: RecordKinds) -> Record:
    count, points = len(rows), len(kinds.keypoints)
    return replace(
        record,
        classes=np.array([row[0] for row in rows], np.int64),
        boxes=np.array([row[1] for row in rows], np.float64).reshape(count, 4),
        keypoints=np.array([row[2] for row in rows], np.float64).reshape(count, points, 3),
    )
