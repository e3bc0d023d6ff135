"""A network run over a labelled data set."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..datasets.coco_yolo.read import LabelledImages, read_pixels
from ..detect.files.predictions import entries_of
from ..detect.rtdetr_pose.weights import Trained
from ..errors import InputError


def check_fits(trained: Trained, data: LabelledImages, source: Path) -> None:
    """Raise `InputError` that names the checkpoint for other classes or keypoints than the data
    set's."""
    for what, ours, theirs in (
        ("classes", trained.classes, data.kinds.classes),
        ("keypoints", trained.keypoints, data.kinds.keypoints),
    ):
        if ours != theirs:
            raise InputError(
                f"{source}: {what}: expected {', '.join(theirs) or 'none'}, as in {data.root}, "
                f"found {', '.join(ours) or 'none'}"
            )


def predict_images(
    trained: Trained,
    data: LabelledImages,
    *,
    device: torch.device,
    batch: int = 16,
    threshold: float = 0.3,
    most: int = 50,
    progress: Callable[[int], None] | None = None,
) -> list[dict[str, Any]]:
    """Return the entries of a file of predictions for every image of a data set.

    progress: called with the number of images done since the last call

    Raises `MediaError` for a damaged image and `InputError` for outputs that are not finite.
    """
    size = trained.module.config.size
    module = trained.module.to(device)
    entries: list[dict[str, Any]] = []
    for start in range(0, len(data.images), batch):
        truths = data.images[start : start + batch]
        pixels = torch.stack([read_pixels(truth, size) for truth in truths])
        with torch.inference_mode():
            outputs = module(pixels.to(device).float() / 255)
        cameras = [_scaled(t.intrinsics, t.size, size) for t in truths]
        entries += entries_of(
            {name: values.cpu() for name, values in outputs.items()},
            [truth.name for truth in truths],
            size,
            intrinsics=cameras,
            threshold=threshold,
            most=most,
        )
        if progress is not None:
            progress(len(truths))
    return entries


def _scaled(intrinsics: Tensor | None, old: Sequence[int], new: Sequence[int]) -> Tensor | None:
    """Return intrinsics [4] of an image of the size `old` for one of the size `new`."""
    if intrinsics is None:
        return None
    scale = intrinsics.new_tensor([new[1] / old[1], new[0] / old[0]])
    return intrinsics * scale.repeat(2)
