"""Entries of a file of predictions, checked value by value, without PyTorch."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from ...document import FARTHEST, Value, load
from ...errors import InputError
from ...words import counted, enumerated

_SMALL = 1e-6  # angle in rad between the rows of a rotation, and their length, that still tell it
T = TypeVar("T")
_BOX, _CAMERA = ("cx", "cy", "w", "h"), ("fx", "fy", "cx", "cy")


@dataclass(frozen=True)
class Entry:
    """What was predicted for one image.

    size:       height and width of the network's input, px; None: not told
    intrinsics: fx, fy, cx, cy in px of that input; None: not told
    detections: in the file's order, the members by name; `log_z` and `rot6d` may be None
    """

    name: str
    size: tuple[int, int] | None
    intrinsics: list[float] | None
    detections: list[dict[str, Any]]


@dataclass(frozen=True)
class Predictions:
    """The entries of all images, in their order, and what the file tells of itself."""

    entries: list[Entry]
    meta: Mapping[str, Any] = field(default_factory=dict)


def read_entries(
    path: Path, images: Sequence[str], *, classes: int, keypoints: int = 0
) -> Predictions:
    """Return what a file predicts for `images`, in their order.

    The file holds a list of entries, {"predictions": [...], "meta": {...}}, or {image: detections}.
    Images are found by their names or, where there is one only, by the last part of these.

    classes, keypoints: how many there are

    Raises `InputError` that names image and member for a malformed value, for an image that is
    unknown, missing or there twice, for the same detection twice, and for a file with fewer
    entries than it says.
    """
    return checked_entries(load(path), images, classes=classes, keypoints=keypoints)


def checked_entries(
    document: Value, images: Sequence[str], *, classes: int, keypoints: int = 0
) -> Predictions:
    """Return the entries of a document; see `read_entries`."""
    listed, meta = _listed(document)
    known = ByName({name: name for name in images})
    found: dict[str, Entry] = {}
    for name_value, name, entry, detections in listed:
        image = known.get(name)
        if image is None:
            raise name_value.wrong("an image of the data set", repr(name[:100]))
        if image in found:
            raise name_value.wrong("each image once", f"{name[:100]!r} twice")
        found[image] = _entry(image, entry, detections, classes, keypoints)
    if missing := [name for name in images if name not in found]:
        raise document.wrong(
            f"predictions for all {len(images)} images", f"none for {enumerated(missing)}"
        )
    return Predictions([found[name] for name in images], meta)


class ByName(Generic[T]):
    """Values by the names of images: by the whole name or, where only one ends so, its last part.

    Backslashes count as slashes.
    """

    def __init__(self, values: Mapping[str, T]) -> None:
        self._values = {_plain(name): value for name, value in values.items()}
        ends = Counter(map(_last, self._values))
        self._ends = {
            _last(name): value for name, value in self._values.items() if ends[_last(name)] == 1
        }

    def get(self, name: str) -> T | None:
        """Return the value of an image, or None."""
        found = self._values.get(_plain(name))
        return self._ends.get(_last(name)) if found is None else found


def _plain(name: str) -> str:
    return name.replace("\\", "/")


def _last(name: str) -> str:
    return _plain(name).rpartition("/")[2]


def by_image(document: Value) -> ByName[dict[str, Any]]:
    """Return the entries of a document as they are, by the names of their images.

    Raises `InputError` for an image that is there twice, and for what `read_entries` refuses of
    the list itself.
    """
    found: dict[str, dict[str, Any]] = {}
    for name_value, name, entry, detections in _listed(document)[0]:
        if name in found:
            raise name_value.wrong("each image once", f"{name[:100]!r} twice")
        found[name] = {"detections": detections.raw} if entry is None else dict(entry.raw)
    return ByName(found)


def check_one_size(entries: Sequence[Entry], document: str) -> tuple[int, int]:
    """Return the input size of all entries. Raises `InputError` for several, or none told."""
    sizes = {entry.size for entry in entries}
    size = sizes.pop() if len(sizes) == 1 else None
    if size is None:
        what = counted(len(sizes), "size") if sizes else "none told"
        raise InputError(f"{document}: expected images of one input size, found {what}")
    return size


_Listed = list[tuple[Value, str, Value | None, Value]]


def _listed(document: Value) -> tuple[_Listed, Mapping[str, Any]]:
    """Return of each entry: where its name stands, the name, the entry, its detections."""
    meta: Mapping[str, Any] = {}
    if isinstance(document.raw, dict) and "predictions" not in document.raw:
        named: _Listed = [
            (value, name, None, value) for name, value in document.members("entries by image")
        ]
        return named, meta
    listed = document
    if isinstance(document.raw, dict):
        listed = document.needed("predictions")
    rows: _Listed = []
    for entry in listed.entries("a list of images"):
        name = entry.needed("image")
        rows.append((name, name.text(), entry, entry.needed("detections")))
    about = document.member("meta") if isinstance(document.raw, dict) else None
    if about is not None:
        meta = dict(about.members("an object"))
        meta = {name: value.raw for name, value in meta.items()}
        stated = about.member("images")
        if stated is not None and stated.whole(0) != len(rows):
            raise stated.wrong(
                f"{len(rows)}, as there are entries; the file is part of a whole", str(stated.raw)
            )
    return rows, meta


def _entry(
    name: str, entry: Value | None, detections: Value, classes: int, keypoints: int
) -> Entry:
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for number, value in enumerate(detections.entries("a list of detections")):
        row = _detection(value, classes, keypoints)
        key = (row["class_id"], row["score"], *row["bbox"])
        if (first := seen.setdefault(key, number)) != number:
            raise value.wrong("each detection once", f"that of [{first}] again")
        rows.append(row)
    if entry is None:
        return Entry(name, None, None, rows)
    return Entry(name, _size(entry), _intrinsics(entry), rows)


def _size(entry: Value) -> tuple[int, int]:
    size = entry.needed("image_size")
    return size.needed("height").whole(1, 2**20), size.needed("width").whole(1, 2**20)


def _intrinsics(entry: Value) -> list[float] | None:
    camera = entry.member("intrinsics")
    if camera is None:
        return None
    values = [camera.needed(key).number(-FARTHEST, FARTHEST) for key in _CAMERA]
    if min(values[:2]) <= 0:
        raise camera.wrong("focal lengths above 0 px", f"{min(values[:2]):g}")
    return values


def _detection(value: Value, classes: int, keypoints: int) -> dict[str, Any]:
    """Return the members of a detection; a pose that is not there is None."""
    box = value.needed("bbox")
    sides = [box.needed(key).number(0, 1) for key in _BOX]
    if min(sides[2:]) <= 0:
        raise box.wrong("a box of some width and height", f"{sides[2]:g}x{sides[3]:g}")
    depth, turn = value.member("log_z"), value.member("rot6d")
    rows = turn.numbers(6) if turn else None
    if turn and rows and _span(rows) < _SMALL:
        raise turn.wrong("two rows with a direction of their own", "zeros or parallel rows")
    offsets, change, joints = (value.member(key) for key in ("offsets", "k_delta", "keypoints"))
    changes = change.numbers(4) if change else [0.0] * 4
    if change and min(changes[:2]) <= -1:
        raise change.wrong("focal lengths that stay above 0", f"{min(changes[:2]):g} of them added")
    return {
        "class_id": value.needed("class_id").whole(0, classes - 1),
        "score": value.needed("score").number(0, 1),
        "bbox": sides,
        "log_z": depth.number(-20, 20) if depth else None,
        "rot6d": rows,
        "offsets": offsets.numbers(2) if offsets else [0.0, 0.0],
        "k_delta": changes,
        "keypoints": _joints(joints, keypoints),
    }


def _span(rows: Sequence[float]) -> float:
    """Return the sine of the angle between two rows of three; 0 for a row without a direction."""
    (a, b, c), (d, e, f) = rows[:3], rows[3:]
    lengths = math.hypot(a, b, c) * math.hypot(d, e, f)
    across = math.hypot(b * f - c * e, c * d - a * f, a * e - b * d)
    return across / lengths if lengths > _SMALL**2 else 0.0


def _joints(joints: Value | None, count: int) -> list[float]:
    """Return x, y, v of each keypoint, from a flat list or from objects; zeros if not told."""
    if joints is None:
        return [0.0] * 3 * count
    if isinstance(joints.raw, list) and joints.raw and isinstance(joints.raw[0], dict):
        points = list(joints.entries("keypoints"))
        if len(points) != count:
            raise joints.wrong(f"{count} keypoints", str(len(points)))
        return [
            number
            for point in points
            for number in (
                *(point.needed(key).number(-FARTHEST, FARTHEST) for key in "xy"),
                point.needed("v").number(0, 10),
            )
        ]
    return joints.joints(count)
