"""What a training of RT-DETR-pose needs of a labelled data set: a network and steps."""

import hashlib
import math
from dataclasses import replace

import torch

from ..datasets.coco_yolo.read import LabelledImages
from ..detect.rtdetr_pose.config import SIZES, Config
from ..errors import InputError
from ..files import size_of
from ..geometry.placement import Size


def config_for(
    data: LabelledImages,
    name: str,
    *,
    size: Size | None = None,
    queries: int | None = None,
    hidden: int | None = None,
    keypoint_scores: bool = False,
    uncertainty: bool = False,
    backbone: str | None = None,
) -> Config:
    """Return one of `SIZES` for a data set: its classes, its keypoints, the middle of its depths.

    size:    height and width of the input, px; None: as `SIZES` has it
    queries, hidden, backbone: others than `SIZES` has

    Raises `InputError` for an unknown name and for values that make no network.
    """
    if name not in SIZES:
        raise InputError(f"model: expected one of {', '.join(SIZES)}, found {name[:40]!r}")
    depths = [truth.z for truth in data.images if truth.z is not None and len(truth)]
    base = SIZES[name]
    return replace(
        base,
        classes=len(data.kinds.classes),
        keypoints=len(data.kinds.keypoints),
        size=size or base.size,
        queries=queries or base.queries,
        hidden=hidden or base.hidden,
        depth=float(torch.cat(depths).median()) if depths else base.depth,
        keypoint_scores=keypoint_scores,
        uncertainty=uncertainty,
        backbone=backbone or base.backbone,
    )


def steps_of(epochs: int, images: int, each: int) -> int:
    """Return how many steps see every image so many times, rounded up.

    each: images that a step sees
    """
    return math.ceil(epochs * images / each)


def digest(data: LabelledImages) -> str:
    """Return the SHA-256 of what is known of the images, and of the sizes of their files."""
    found = hashlib.sha256(repr((data.kinds.classes, data.kinds.keypoints)).encode())
    for truth in data.images:
        held = 0 if truth.image is None else size_of(truth.image)
        found.update(repr((truth.name, truth.size, held)).encode())
        for name in ("classes", "boxes", "keypoints", "rotation", "translation", "intrinsics"):
            values = getattr(truth, name)
            if values is not None:
                found.update(values.contiguous().numpy().tobytes())
    return found.hexdigest()
