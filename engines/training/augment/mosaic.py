"""Pictures made of four."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...detect.rtdetr_pose.targets import Targets
from .choices import Choices


def mosaics(
    images: Tensor, targets: Targets, choices: Choices, most: int
) -> tuple[Tensor, Targets]:
    """Return images [B,3,H,W] of which a part shows itself and three others of the batch, each at
    half its size.

    most: objects of a picture; a mosaic with more is not made

    No camera sees such a picture: poses and intrinsics are not known in it.
    """
    if not choices.mosaic:
        return images, targets
    tiles = [targets.present.roll(-n, 0) for n in range(4)]
    made = torch.rand(len(images)).to(images.device) < choices.mosaic
    made &= torch.cat(tiles, 1).sum(1) <= most
    half = F.interpolate(images, scale_factor=0.5, mode="area")
    top, bottom = (torch.cat([half.roll(-n, 0), half.roll(-n - 1, 0)], 3) for n in (0, 2))
    four = torch.cat([top, bottom], 2)
    images = torch.where(made[:, None, None, None], four, images)
    return images, _joined(targets, made)


def _joined(targets: Targets, made: Tensor) -> Targets:
    """Return the objects of all four tiles where a mosaic was made, else those of the image."""
    corner = targets.boxes.new_tensor([[0, 0], [0.5, 0], [0, 0.5], [0.5, 0.5]])

    def tiles(values: Tensor) -> list[Tensor]:
        return [values.roll(-n, 0) for n in range(4)]

    def joined(values: Tensor, found: list[Tensor]) -> Tensor:
        table = torch.cat(found, 1)  # [B,4M,...]
        alone = torch.zeros_like(table)
        alone[:, : values.shape[1]] = values
        return torch.where(made.view(-1, *[1] * (table.ndim - 1)), table, alone)

    boxes = [
        torch.cat([part[..., :2] / 2 + at, part[..., 2:] / 2], -1)
        for part, at in zip(tiles(targets.boxes), corner, strict=True)
    ]
    points = [
        torch.cat([part[..., :2] / 2 + at, part[..., 2:]], -1)
        for part, at in zip(tiles(targets.keypoints), corner, strict=True)
    ]
    rotation, z, offsets = (
        joined(values, [torch.full_like(values, torch.nan)] * 4)
        for values in (targets.rotation, targets.z, targets.offsets)
    )
    return replace(
        targets,
        present=joined(targets.present, tiles(targets.present)),
        classes=joined(targets.classes, tiles(targets.classes)),
        boxes=joined(targets.boxes, boxes),
        keypoints=joined(targets.keypoints, points),
        intrinsics=torch.where(made[:, None], torch.nan, targets.intrinsics),
        rotation=rotation,
        z=z,
        offsets=offsets,
    ).in_front()
