"""What a training of RT-DETR-pose needs of a labelled data set: a network, steps, pixels."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..datasets.coco_yolo.read import LabelledImages, read_pixels
from ..detect.rtdetr_pose.config import SIZES, Config
from ..errors import InputError
from ..geometry.placement import Size
from ..memory import shortage


def config_for(
    data: LabelledImages,
    name: str,
    *,
    size: Size | None = None,
    queries: int | None = None,
    hidden: int | None = None,
    keypoint_scores: bool = False,
    uncertainty: bool = False,
) -> Config:
    """Return one of `SIZES` for a data set: its classes, its keypoints, the middle of its depths.

    size:    height and width of the input, px; None: as `SIZES` has it
    queries, hidden: other numbers than `SIZES` has

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
    )


def steps_of(epochs: int, images: int, batch: int, accumulate: int) -> int:
    """Return how many steps see every image so many times, rounded up."""
    return math.ceil(epochs * images / (batch * accumulate))


def load_pixels(
    data: LabelledImages, size: Size, progress: Callable[[int], None] | None = None
) -> Tensor:
    """Return all images [N,3,H,W] uint8, resized to `size` (height, width).

    progress: called with the number of images read since the last call

    Raises `InputError` for more than memory holds, and `MediaError` for a damaged image.
    """
    if lacking := shortage(len(data.images) * 3 * size[0] * size[1]):
        raise InputError(
            f"{data.root}: {len(data.images)} images of {size[1]}x{size[0]} px need {lacking}; "
            "train with a smaller size"
        )
    pixels = torch.empty(len(data.images), 3, *size, dtype=torch.uint8)
    for number, truth in enumerate(data.images):
        pixels[number] = read_pixels(truth, size)
        if progress is not None:
            progress(1)
    return pixels
