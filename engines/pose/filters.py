"""Whom to keep: by track, by size, by place."""

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import InputError
from .poses import Poses


def keep_people(poses: Poses, keep: Tensor) -> Poses:
    """Only those for whom keep [F,P] is true, moved up in their order."""
    keep = keep & poses.present
    order = (~keep).to(torch.uint8).argsort(dim=1, stable=True)
    count = keep.sum(1)
    frame = torch.arange(len(poses), device=poses.device)[:, None]
    here = torch.arange(order.shape[1], device=poses.device)[None] < count[:, None]

    def placed(values: Tensor, empty: float = 0) -> Tensor:
        moved = values[frame, order]
        return torch.where(here.view(*here.shape, *[1] * (values.ndim - 2)), moved, empty)

    return replace(
        poses,
        keypoints=placed(poses.keypoints),
        confidence=placed(poses.confidence),
        boxes=placed(poses.boxes),
        scores=placed(poses.scores),
        track_ids=placed(poses.track_ids, -1).long(),
        count=count,
    )


def filter_people(
    poses: Poses,
    *,
    ids: Collection[int] = (),
    min_height: float = 0.0,
    max_height: float = 1.0,
    region: Tensor | None = None,
    most: int = 0,
) -> Poses:
    """People of these tracks, of this size and in this region; all that is asked must hold.

    ids:                    tracks; none = all
    min_height, max_height: of the person's box in parts of the canvas's height, 0..1; max_height
                            1 has no upper end
    region:                 [1 or F,h,w] 0..1 over the canvas; a person belongs to it when the
                            middle of their box lies where it is above 0.5
    most:                   at most so many a frame, the largest boxes; 0 = all

    Raises `InputError` for numbers out of range and a region of another number of frames.
    """
    if not 0 <= min_height <= max_height <= 1:
        raise InputError(
            f"heights: expected 0 <= min_height <= max_height <= 1, found {min_height} and "
            f"{max_height}"
        )
    if most < 0:
        raise InputError(f"most: expected at least 0, found {most}")
    keep = poses.present
    if ids:
        wanted = torch.tensor(sorted(ids), device=poses.device)
        keep = keep & torch.isin(poses.track_ids, wanted)
    sides = poses.boxes[..., 2:] - poses.boxes[..., :2]
    height = sides[..., 1] / poses.canvas[0]
    keep = keep & (height >= min_height)
    if max_height < 1:
        keep = keep & (height <= max_height)
    if region is not None:
        keep = keep & _inside(poses, region)
    if most:
        area = torch.where(keep, sides.prod(-1), -1.0)
        rank = area.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        keep = keep & (rank < most)
    return keep_people(poses, keep)


def parse_ids(text: str) -> list[int]:
    """ "0, 2-4" -> [0, 2, 3, 4]. Raises `InputError` for anything else."""
    ids: list[int] = []
    for part in text.replace(" ", "").split(","):
        if not part:
            continue
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise InputError(f"tracks: expected numbers and ranges such as 0,2-4, found {text!r}")
        ids += range(int(first), int(last or first) + 1)
    return ids


def _inside(poses: Poses, region: Tensor) -> Tensor:
    """[F,P] bool"""
    frames = len(poses)
    if region.ndim != 3 or region.shape[0] not in (1, frames):
        raise InputError(
            f"region: expected a mask for every one of {frames} frames, or one for all; found "
            f"shape {list(region.shape)}"
        )
    mask = region.to(poses.device)
    high, wide = mask.shape[1:]
    middle = (poses.boxes[..., :2] + poses.boxes[..., 2:]) / 2
    x = (middle[..., 0] / poses.canvas[1] * wide).long().clamp(0, wide - 1)
    y = (middle[..., 1] / poses.canvas[0] * high).long().clamp(0, high - 1)
    frame = torch.arange(frames, device=poses.device)[:, None]
    return mask.expand(frames, -1, -1)[frame, y, x] > 0.5
