"""Ground truth of hands and faces: a file of COCO annotations in these two categories."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..document import load

POINTS = {"hand": 21, "face": 68}  # in the order of the skeletons


@dataclass(frozen=True)
class AnnotatedPart:
    """A hand or a face in a picture.

    image:   number of the picture in `PartAnnotations.images`
    box:     [4] x0, y0, x1, y1 px
    points:  [K,2] px
    marked:  [K] bool
    ignored: neither finding nor missing it counts
    """

    image: int
    box: Tensor
    points: Tensor
    marked: Tensor
    ignored: bool


@dataclass(frozen=True)
class PartAnnotations:
    """Pictures, all of one size, and the hands and faces in them, by kind (see `POINTS`)."""

    images: tuple[Path, ...]
    size: tuple[int, int]
    parts: dict[str, list[AnnotatedPart]]


def read_part_annotations(path: Path) -> PartAnnotations:
    """Return the pictures and parts of a file.

    Raises `InputError`, with the place in the file, for what is malformed.
    """
    document = load(path)
    if not isinstance(document.raw, dict):
        raise document.wrong("COCO annotations of hands and faces")
    kinds = {}
    for entry in document.needed("categories").entries("a list of categories"):
        name = entry.needed("name").text()
        if name not in POINTS:
            raise entry.needed("name").wrong(f"one of {', '.join(POINTS)}")
        kinds[entry.needed("id").whole(0)] = name
    numbers: dict[int, int] = {}
    images: list[Path] = []
    sizes: set[tuple[int, int]] = set()
    for entry in document.needed("images").entries("a list of images"):
        numbers[entry.needed("id").whole(0)] = len(images)
        images.append(path.parent / Path(entry.needed("file_name").text()).name)
        sizes.add((entry.needed("height").whole(1), entry.needed("width").whole(1)))
    if len(sizes) != 1 or len(numbers) != len(images):
        raise document.needed("images").wrong("images of one size, with one id each")
    parts: dict[str, list[AnnotatedPart]] = {name: [] for name in POINTS}
    for entry in document.needed("annotations").entries("a list of annotations"):
        category = entry.needed("category_id")
        if category.whole(0) not in kinds:
            raise category.wrong("the id of a category")
        image = entry.needed("image_id")
        if image.whole(0) not in numbers:
            raise image.wrong("the id of an image")
        kind = kinds[category.raw]
        points = torch.tensor(entry.needed("keypoints").numbers(3 * POINTS[kind])).view(-1, 3)
        x, y, width, height = entry.needed("bbox").numbers(4)
        if min(width, height) <= 0:
            raise entry.needed("bbox").wrong("a box with a width and a height")
        crowd = entry.member("iscrowd")
        parts[kind].append(
            AnnotatedPart(
                image=numbers[image.raw],
                box=torch.tensor([x, y, x + width, y + height]),
                points=points[:, :2],
                marked=points[:, 2] > 0,
                ignored=crowd is not None and crowd.whole(0, 1) == 1,
            )
        )
    return PartAnnotations(tuple(images), sizes.pop(), parts)
