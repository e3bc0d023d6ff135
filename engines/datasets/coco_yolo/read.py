"""Read what is known of the images of a split, as tensors, and their pixels."""

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from ...geometry.placement import Size
from ...video.picture import opened_picture
from ..object_truth import ObjectKinds, ObjectTruth
from ..records import Records
from .read_records import PICTURES, LabelsError, read_records

__all__ = [
    "PICTURES",
    "LabelledImages",
    "LabelsError",
    "as_tensors",
    "read_coco_yolo",
    "read_pixels",
]


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
    return as_tensors(read_records(root, split))


def as_tensors(found: Records) -> LabelledImages:
    """Return what was read of a data set of any form, as tensors."""
    truths = tuple(record.truth() for record in found.images)
    return LabelledImages(found.root, found.split, found.kinds.kinds(), truths, found.notes)


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
