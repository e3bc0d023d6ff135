"""Filter people by track, size and place."""

import re
from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from ..checks import COMMA, check_masks
from ..errors import InputError
from ..geometry.boxes import areas, centres, sides
from ..tracking.columns import Places
from ..words import counted
from .choices import PARTS
from .poses import Poses
from .skeletons import SKELETONS

_PLACES = {"hands": ("left_hand", "right_hand"), "face": ("face",), "feet": ("feet",)}


def keep_people(poses: Poses, keep: Tensor) -> Poses:
    """Return those for whom keep [F,P] is true, in their order."""
    places = Places.kept(keep & poses.present)
    return replace(
        poses,
        keypoints=places.place(poses.keypoints),
        confidence=places.place(poses.confidence),
        boxes=places.place(poses.boxes),
        scores=places.place(poses.scores),
        track_ids=places.place(poses.track_ids, -1).long(),
        count=places.count,
    )


def without_parts(poses: Poses, parts: Collection[str]) -> Poses:
    """Return the same people without some of hands, face and feet.

    Joints of a part that is left out are not seen and lie at (0, 0). Without all three, the
    skeleton is that of the body. Raises `InputError` for other parts.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise InputError(f"parts: expected some of {', '.join(PARTS)}, found {unknown[0]!r}")
    skeleton = SKELETONS[poses.skeleton]
    if set(parts) == set(PARTS) and len(skeleton.parts) > 1:
        return poses.body()
    kept = torch.ones(len(skeleton), dtype=torch.bool, device=poses.device)
    for part in parts:
        for name in _PLACES[part]:
            kept[skeleton.parts.get(name, slice(0, 0))] = False
    return replace(
        poses,
        keypoints=torch.where(kept[:, None], poses.keypoints, 0),
        confidence=torch.where(kept, poses.confidence, 0),
    )


def filter_people(
    poses: Poses,
    *,
    tracks: Collection[range] | None = None,
    min_height: float = 0.0,
    max_height: float = 1.0,
    region: Tensor | None = None,
    most: int = 0,
) -> Poses:
    """Keep people of these tracks, of this size and in this region; all conditions must hold.

    tracks:                 ranges of ids (see `parse_tracks`); None = all
    min_height, max_height: of the person's box in parts of the canvas's height, 0..1; max_height
                            1 has no upper end
    region:                 [1 or F,h,w] 0..1 over the canvas; a person belongs to it when the
                            middle of their box lies where it is above 0.5
    most:                   at most so many per frame, the largest boxes; 0 = all

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
    if tracks is not None:
        wanted = torch.zeros_like(keep)
        for some in tracks:
            wanted |= (poses.track_ids >= some.start) & (poses.track_ids < some.stop)
        keep = keep & wanted
    height = sides(poses.boxes)[..., 1] / poses.canvas[0]
    keep = keep & (height >= min_height)
    if max_height < 1:
        keep = keep & (height <= max_height)
    if region is not None:
        keep = keep & _inside(poses, region)
    if most:
        area = torch.where(keep, areas(poses.boxes), -1.0)
        rank = area.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        keep = keep & (rank < most)
    return keep_people(poses, keep)


_RANGE = re.compile(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", re.ASCII)


def parse_tracks(text: str) -> list[range] | None:
    """Parse "0, 2-4" as [range(0, 1), range(2, 5)] and "" as None.

    Raises `InputError` for anything else.
    """
    if not text.strip():
        return None
    tracks = []
    for part in COMMA.split(text):
        found = _RANGE.fullmatch(part)
        low, high = (int(end or found[1]) for end in found.groups()) if found else (1, 0)
        if high < low:
            raise InputError(f"tracks: expected numbers and ranges such as 0,2-4, found {text!r}")
        tracks.append(range(low, high + 1))
    return tracks


def _inside(poses: Poses, region: Tensor) -> Tensor:
    """Return who is inside the region, [F,P] bool."""
    frames = len(poses)
    check_masks("region", region)
    if region.shape[0] not in (1, frames):
        raise InputError(
            f"region: expected a mask for every one of {counted(frames, 'frame')}, or one for "
            "all; found "
            f"shape {list(region.shape)}"
        )
    mask = region.to(poses.device)
    high, wide = mask.shape[1:]
    middle = centres(poses.boxes)
    x = (middle[..., 0] / poses.canvas[1] * wide).long().clamp(0, wide - 1)
    y = (middle[..., 1] / poses.canvas[0] * high).long().clamp(0, high - 1)
    frame = torch.arange(frames, device=poses.device)[:, None]
    return mask.expand(frames, -1, -1)[frame, y, x] > 0.5
