"""Motion tracks from people and heads that were tracked already."""

import torch
from torch import Tensor

from ..errors import InputError
from ..head.heads import Heads
from ..pose.poses import Poses

_SEEN = 0.3  # least confidence of a joint


def first_ids(people: Poses | Heads, name: str, cure: str) -> Tensor:
    """Return the track ids [I] of those in the first frame.

    name: of the input; cure: the node that gives tracks

    Raises `InputError` if nobody is there, or some have no track.
    """
    count = int(people.count[0]) if len(people.count) else 0
    ids = people.track_ids[0, :count] if count else people.track_ids.new_zeros(0)
    if not len(ids):
        raise InputError(
            f"{name}: nobody is in the first frame, where tracks begin; start the clip later, or "
            "follow a grid of points with flow"
        )
    if bool((ids < 0).any()):
        raise InputError(f"{name}: expected people with tracks, found some without; {cure}")
    return ids


def joints_of(poses: Poses, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the joints of the people `ids` [I]: places [F,I*K,2] px, and whether they are seen."""
    found, here = _rows(poses, ids)
    points = _picked(poses.keypoints, found)
    seen = (_picked(poses.confidence, found) >= _SEEN) & here[..., None] & points.isfinite().all(-1)
    points = torch.where(seen[..., None], points, 0.0)
    return points.flatten(1, 2).float(), seen.flatten(1, 2)


def landmarks_of(heads: Heads, ids: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return places of the heads `ids` [I]: at most `most` landmarks each [F,I*L,2] px, the middle
    of the box where there are none; and whether they are seen."""
    found, here = _rows(heads, ids)
    count = heads.landmarks.shape[2]
    if count:
        chosen = torch.linspace(0, count - 1, min(count, max(1, most))).round().long()
        marks = heads.landmarks[:, :, chosen.to(heads.landmarks.device), :2]
    else:
        marks = ((heads.boxes[..., :2] + heads.boxes[..., 2:]) / 2)[:, :, None]
    points = _picked(marks, found)
    seen = here[..., None] & points.isfinite().all(-1)
    points = torch.where(seen[..., None], points, 0.0)
    return points.flatten(1, 2).float(), seen.flatten(1, 2)


def _rows(people: Poses | Heads, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the place [F,I] of each id in each frame, and whether it is there."""
    tracks = people.track_ids
    places = torch.arange(tracks.shape[1], device=tracks.device)
    taken = places < people.count[:, None]  # [F,P]
    match = (tracks[:, :, None] == ids.to(tracks.device)) & taken[..., None]  # [F,P,I]
    if not tracks.shape[1]:
        empty = tracks.new_zeros(len(tracks), len(ids))
        return empty, empty.bool()
    return match.int().argmax(1), match.any(1)


def _picked(values: Tensor, rows: Tensor) -> Tensor:
    """Return values [F,P,...] at places [F,I]: [F,I,...]."""
    if not values.shape[1]:
        return values.new_zeros(*rows.shape, *values.shape[2:])
    frames = torch.arange(len(values), device=values.device)[:, None]
    return values[frames, rows]
