"""Ground truth of poses: a file of COCO keypoint annotations."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..document import FARTHEST, load
from ..pose.files.coco import PERSON
from ..pose.skeletons import COCO_17


@dataclass(frozen=True)
class AnnotatedImage:
    """An image of an annotation file; size: height and width in pixels."""

    id: int
    name: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Annotations:
    """COCO keypoint annotations, checked; people: as pycocotools takes them."""

    path: Path
    images: list[AnnotatedImage]
    people: list[dict[str, Any]]


def read_annotations(path: Path) -> Annotations:
    """Return the images and people of a COCO file.

    Raises `InputError`, with the place in the file, for what is malformed.
    """
    document = load(path)
    if not isinstance(document.raw, dict):
        raise document.wrong("COCO keypoint annotations, an object with images and annotations")
    images: dict[int, AnnotatedImage] = {}
    for entry in document.needed("images").entries("a list of images"):
        name = entry.member("file_name")
        image = AnnotatedImage(
            id=entry.needed("id").whole(0),
            name="" if name is None else name.text(),
            size=(entry.needed("height").whole(1), entry.needed("width").whole(1)),
        )
        if image.id in images:
            raise entry.needed("id").wrong("one image per id", f"{image.id} twice")
        images[image.id] = image
    if not images:
        raise document.wrong("at least one image", "none")
    people: list[dict[str, Any]] = []
    for entry in document.needed("annotations").entries("a list of annotations"):
        if entry.needed("image_id").whole(0) not in images:
            raise entry.needed("image_id").wrong("the id of an image")
        if entry.needed("category_id").raw != PERSON:
            raise entry.needed("category_id").wrong(f"{PERSON} (person)")
        keypoints = entry.needed("keypoints").numbers(3 * len(COCO_17))
        labelled = sum(flag > 0 for flag in keypoints[2::3])
        if not set(keypoints[2::3]) <= {0, 1, 2}:
            raise entry.needed("keypoints").wrong("flags 0, 1 or 2 as every third number")
        stated = entry.member("num_keypoints")
        if stated is not None and stated.raw != labelled:
            raise stated.wrong(f"{labelled}, the keypoints that have a flag")
        crowd = entry.member("iscrowd")
        people.append(
            {
                "id": len(people) + 1,  # pycocotools treats the id 0 as no match
                "image_id": entry.needed("image_id").raw,
                "category_id": PERSON,
                "iscrowd": 0 if crowd is None else crowd.whole(0, 1),
                "area": entry.needed("area").number(0.01, FARTHEST**2),
                "bbox": entry.needed("bbox").numbers(4),
                "num_keypoints": labelled,
                "keypoints": keypoints,
            }
        )
    return Annotations(path, list(images.values()), people)
