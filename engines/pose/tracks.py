"""Poses by person instead of by place: what smoothing and gap filling work on."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import InputError
from .poses import Poses


@dataclass(frozen=True)
class Tracks:
    """T people over F frames.

    ids:        [T] int64
    keypoints:  [F,T,K,2] px; anything where not seen
    confidence: [F,T,K]; 0 = not seen
    boxes:      [F,T,4] px
    scores:     [F,T]
    present:    [F,T] bool
    """

    ids: Tensor
    keypoints: Tensor
    confidence: Tensor
    boxes: Tensor
    scores: Tensor
    present: Tensor

    @property
    def seen(self) -> Tensor:
        """[F,T,K] bool"""
        return (self.confidence > 0) & self.present[..., None]


def by_track(poses: Poses, ids: Tensor | None = None) -> Tracks:
    """The people of `poses` that have a track, each in a column of its own.

    ids: tracks that get a column whether they occur or not; None = those that occur

    Raises `InputError` where one track occurs twice in a frame.
    """
    tracked = poses.present & (poses.track_ids >= 0)
    frame, place = tracked.nonzero(as_tuple=True)
    number = poses.track_ids[frame, place]
    known = number.unique() if ids is None else ids
    column = torch.searchsorted(known, number)
    people = len(known)
    twice = torch.zeros(len(poses), people, dtype=torch.int64, device=poses.device)
    twice.index_put_((frame, column), torch.ones_like(column), accumulate=True)
    if bool((twice > 1).any()):
        where, which = (twice > 1).nonzero()[0].tolist()
        raise InputError(f"poses: frame {where} has track {int(known[which])} twice")

    def columns(values: Tensor) -> Tensor:
        placed = values.new_zeros(len(poses), people, *values.shape[2:])
        placed[frame, column] = values[frame, place]
        return placed

    return Tracks(
        ids=known,
        keypoints=columns(poses.keypoints),
        confidence=columns(poses.confidence),
        boxes=columns(poses.boxes),
        scores=columns(poses.scores),
        present=twice > 0,
    )


def to_poses(tracks: Tracks, like: Poses) -> Poses:
    """The tracks as poses, in every frame those who are present, surest first.

    like: the poses that they came from; its people without a track come after them
    """
    loose = like.present & (like.track_ids < 0)
    ids = tracks.ids.expand(len(like), -1)
    present = torch.cat([tracks.present, loose], 1)
    scores = torch.cat([tracks.scores, like.scores], 1)
    order = torch.where(present, scores, -1.0).argsort(dim=1, descending=True, stable=True)
    count = present.sum(1)
    most = max(1, int(count.max())) if len(count) else 1
    order = order[:, :most]
    here = torch.arange(order.shape[1], device=like.device)[None] < count[:, None]
    frame = torch.arange(len(like), device=like.device)[:, None]

    def placed(ours: Tensor, theirs: Tensor, empty: float = 0) -> Tensor:
        values = torch.cat([ours, theirs], 1)[frame, order]
        return torch.where(here.view(*here.shape, *[1] * (values.ndim - 2)), values, empty)

    return replace(
        like,
        keypoints=placed(tracks.keypoints, like.keypoints),
        confidence=placed(tracks.confidence, like.confidence),
        boxes=placed(tracks.boxes, like.boxes),
        scores=placed(tracks.scores, like.scores),
        track_ids=placed(ids, like.track_ids, -1).long(),
        count=count,
    )


def jitter(poses: Poses) -> float:
    """Mean length of the joints' acceleration in px/frame², over three frames in a row in which a
    joint of a track is seen; 0 where there are none."""
    tracks = by_track(poses)
    points, seen = tracks.keypoints, tracks.seen
    if len(points) < 3:
        return 0.0
    acceleration = (points[2:] - 2 * points[1:-1] + points[:-2]).norm(dim=-1)
    counted = seen[2:] & seen[1:-1] & seen[:-2]
    return float(acceleration[counted].mean()) if bool(counted.any()) else 0.0


def need_tracks(poses: Poses) -> None:
    """Raise `InputError` if somebody has no track."""
    if bool((poses.present & (poses.track_ids < 0)).any()):
        raise InputError("poses: expected people with tracks; put Track Poses before this node")
