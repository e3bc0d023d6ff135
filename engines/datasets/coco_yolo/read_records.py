"""Read what is known of the images of a split, without PyTorch and without decoding a pixel."""

from pathlib import Path

import numpy as np

from ...errors import InputError, KinographError
from ...files import inside
from ...video.picture import opened_picture
from ..records import Record, RecordKinds, Records
from .kinds import read_kinds
from .labels import parse_labels
from .sidecar import Sidecar, read_sidecar

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")
_SHOWN = 20


class LabelsError(InputError):
    """Labels that cannot be used. problems: every one, with its file and line or member."""

    def __init__(self, root: Path, problems: list[str]) -> None:
        self.problems = tuple(problems)
        shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        more = len(problems) - _SHOWN
        rest = f"\n  and {more} more" if more > 0 else ""
        super().__init__(f"{root}: correct or remove these labels\n{shown}{rest}")


def read_records(root: Path, split: str = "train") -> Records:
    """Read a split of a coco-yolo data set.

    An image without a label file, or with an empty one, has no objects.

    Raises `LabelsError` that names every malformed line and member, and `InputError` for a folder
    without images and for labels without an image.
    """
    try:
        pictures, labels = inside(root / "images", split), inside(root / "labels", split)
    except ValueError as error:
        raise InputError(f"split: {error}") from error
    if not pictures.is_dir():
        raise InputError(f"{root}: expected a folder images/{split}, found none")
    paths = sorted(p for p in pictures.iterdir() if p.suffix.lower() in PICTURES)
    if not paths:
        raise InputError(f"{pictures}: expected images ({', '.join(PICTURES)}), found none")
    kinds = read_kinds(root, split)
    problems = _unpaired(paths, labels)
    records: list[Record] = []
    notes: list[str] = []
    for path in paths:
        try:
            record, wrong, unused = _record(path, labels, root, kinds)
        except KinographError as error:
            problems.append(str(error))
            continue
        problems += wrong
        notes += unused
        records.append(record)
    if problems:
        raise LabelsError(root, problems)
    return Records(root, split, kinds, tuple(records), tuple(notes))


def _unpaired(paths: list[Path], labels: Path) -> list[str]:
    """Return what is wrong with the names: two images of one name, labels without an image."""
    names: dict[str, Path] = {}
    problems = []
    for path in paths:
        other = names.setdefault(path.stem, path)
        if other is not path:
            problems.append(f"{path}: has the same labels as {other.name}; rename one")
    found = sorted(labels.iterdir()) if labels.is_dir() else []
    for path in found:
        of_labels = path.suffix in (".txt", ".json") and path.name != "classes.json"
        if of_labels and path.stem not in names:
            problems.append(f"{path}: expected an image of this name, found none")
    return problems


def _record(
    path: Path, labels: Path, root: Path, kinds: RecordKinds
) -> tuple[Record, list[str], tuple[str, ...]]:
    size = picture_size(path)
    text, beside = (labels / f"{path.stem}{suffix}" for suffix in (".txt", ".json"))
    rows = np.zeros((0, 5 + 3 * len(kinds.keypoints)))
    problems: list[str] = []
    if text.exists():
        rows, problems = parse_labels(text, kinds)
    sidecar = Sidecar()
    if beside.exists() and not problems:  # its values stand in the order of the lines
        sidecar = read_sidecar(beside, root, len(rows))
    if sidecar.size is not None and sidecar.size != size:
        height, width = sidecar.size
        raise InputError(
            f"{beside}: expected the size of {path.name}, {size[1]}x{size[0]}, found "
            f"{width}x{height}"
        )
    record = Record(
        name=path.relative_to(root).as_posix(),
        size=size,
        image=path,
        classes=rows[:, 0].astype(np.int64),
        boxes=rows[:, 1:5],
        keypoints=rows[:, 5:].reshape(len(rows), len(kinds.keypoints), 3),
        **sidecar.fields,
    )
    return record, problems, sidecar.notes


def picture_size(path: Path) -> tuple[int, int]:
    """Return height and width of a picture, which is not decoded. Raises `MediaError` for what is
    none."""
    with opened_picture(path) as picture:
        width, height = picture.size
    return height, width
