"""Read what is known of the images of a split."""

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from ...errors import InputError, KinographError
from ...files import inside
from ...geometry.placement import Size
from ...video.picture import opened_picture
from ..object_truth import ObjectKinds, ObjectTruth
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


@dataclass(frozen=True)
class LabelledImages:
    """The images of one split.

    notes: what of the files is not used
    """

    root: Path
    split: str
    kinds: ObjectKinds
    images: tuple[ObjectTruth, ...]
    notes: tuple[str, ...] = ()


def read_coco_yolo(root: Path, split: str = "train") -> LabelledImages:
    """Read a split; the pixels of its images are not decoded yet.

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
    truths: list[ObjectTruth] = []
    notes: list[str] = []
    for path in paths:
        try:
            truth, wrong, unused = _truth(path, labels, root, kinds)
        except KinographError as error:
            problems.append(str(error))
            continue
        problems += wrong
        notes += unused
        truths.append(truth)
    if problems:
        raise LabelsError(root, problems)
    return LabelledImages(root, split, kinds, tuple(truths), tuple(notes))


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


def _truth(
    path: Path, labels: Path, root: Path, kinds: ObjectKinds
) -> tuple[ObjectTruth, list[str], tuple[str, ...]]:
    size = _size(path)
    text, beside = (labels / f"{path.stem}{suffix}" for suffix in (".txt", ".json"))
    rows = torch.zeros(0, 5 + 3 * len(kinds.keypoints))
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
    truth = ObjectTruth(
        name=path.relative_to(root).as_posix(),
        size=size,
        image=path,
        classes=rows[:, 0].long(),
        boxes=rows[:, 1:5].float(),
        keypoints=rows[:, 5:].float().unflatten(1, (-1, 3))
        if kinds.keypoints
        else torch.zeros(len(rows), 0, 3),
        **sidecar.fields,
    )
    return truth, problems, sidecar.notes


def _size(path: Path) -> Size:
    with opened_picture(path) as picture:
        width, height = picture.size
    return height, width


def read_pixels(truth: ObjectTruth, size: Size) -> torch.Tensor:
    """Return an image's pixels [3,H,W] uint8, RGB, resized to `size` (height, width).

    Raises `MediaError` for a damaged file.
    """
    assert truth.image is not None
    with opened_picture(truth.image) as picture:
        rgb = picture.convert("RGB")
        if rgb.size != size[::-1]:
            rgb = rgb.resize(size[::-1], Image.Resampling.BILINEAR)
        data = torch.frombuffer(bytearray(rgb.tobytes()), dtype=torch.uint8)
    return data.view(*size, 3).movedim(-1, 0)
