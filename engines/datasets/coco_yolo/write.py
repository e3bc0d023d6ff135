"""Write a split: pictures, labels, sidecars and masks."""

from collections.abc import Iterable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ...document import as_text
from ...errors import InputError
from ...files import atomic_write, inside
from ..object_truth import ObjectKinds, ObjectTruth
from .kinds import FILE, kinds_json
from .labels import lines_of
from .sidecar import sidecar_of


def write_kinds(kinds: ObjectKinds, root: Path) -> None:
    """Write what all images share. Raises `MediaError` if it cannot be written."""
    with atomic_write(root / FILE) as aside:
        aside.write_text(as_text(kinds_json(kinds)) + "\n", encoding="utf-8")


def write_images(
    truths: Iterable[ObjectTruth], images: Tensor, masks: Tensor, root: Path, split: str
) -> None:
    """Write images with what is known of them.

    images: [F,H,W,3] 0..1
    masks:  [F,H,W] uint8, 1 + the object's number, or 0

    The image comes last: one without labels would count as one without objects. Raises
    `MediaError` if a file cannot be written, `InputError` for a name or a split that leads out of
    the folder.
    """
    pixels = (images * 255).round().byte().cpu().numpy()
    numbers = masks.to("cpu", torch.uint8).numpy()
    for truth, image, mask in zip(truths, pixels, numbers, strict=True):
        stem = Path(truth.name).stem
        names = {
            "mask": f"masks/{split}/{stem}.png",
            "image": f"images/{split}/{stem}.png",
            "sidecar": f"labels/{split}/{stem}.json",
            "labels": f"labels/{split}/{stem}.txt",
        }
        try:
            paths = {what: inside(root, name) for what, name in names.items()}
        except ValueError as error:
            raise InputError(f"split: {error}") from error
        with atomic_write(paths["mask"]) as aside:
            Image.fromarray(mask).save(aside)
        with atomic_write(paths["sidecar"]) as aside:
            content = as_text(sidecar_of(truth, names["mask"]))
            aside.write_text(content + "\n", encoding="utf-8")
        with atomic_write(paths["labels"]) as aside:
            aside.write_text(lines_of(truth), encoding="utf-8")
        with atomic_write(paths["image"]) as aside:
            Image.fromarray(image).save(aside)
