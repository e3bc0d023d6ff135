"""Poses by track instead of by place: what smoothing and gap filling work on."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import InputError
from ..tracking.columns import Columns, Places
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

    def flipped(self) -> "Tracks":
        """Return the same people in the frames played backward."""
        return Tracks(
            ids=self.ids,
            keypoints=self.keypoints.flip(0),
            confidence=self.confidence.flip(0),
            boxes=self.boxes.flip(0),
            scores=self.scores.flip(0),
            present=self.present.flip(0),
        )


def by_track(poses: Poses, ids: Tensor | None = None) -> Tracks:
    """Return the people of `poses` that have a track, one per column.

    ids: tracks that get a column whether they occur or not; None: those that occur

    Raises `InputError` where a track occurs twice in a frame.
    """
    columns = Columns.of(poses.present, poses.track_ids, ids, "poses")
    return Tracks(
        ids=columns.ids,
        keypoints=columns.gather(poses.keypoints),
        confidence=columns.gather(poses.confidence),
        boxes=columns.gather(poses.boxes),
        scores=columns.gather(poses.scores),
        present=columns.present,
    )


def to_poses(tracks: Tracks, like: Poses) -> Poses:
    """Return the tracks as poses: in every frame those who are present, highest score first.

    like: the poses that they came from; its people without a track are kept
    """
    loose = like.present & (like.track_ids < 0)
    ids = tracks.ids.expand(len(like), -1)
    places = Places.ranked(
        torch.cat([tracks.present, loose], 1), torch.cat([tracks.scores, like.scores], 1)
    )

    def place(ours: Tensor, theirs: Tensor, empty: float = 0) -> Tensor:
        return places.place(torch.cat([ours, theirs], 1), empty)

    return replace(
        like,
        keypoints=place(tracks.keypoints, like.keypoints),
        confidence=place(tracks.confidence, like.confidence),
        boxes=place(tracks.boxes, like.boxes),
        scores=place(tracks.scores, like.scores),
        track_ids=place(ids, like.track_ids, -1).long(),
        count=places.count,
    )


def jitter(poses: Poses) -> float:
    """Return the mean acceleration of the joints in px/frame².

    Over three successive frames in which a joint of a track is seen; 0 where there are none.
    """
    tracks = by_track(poses)
    points, seen = tracks.keypoints, tracks.seen
    if len(points) < 3:
        return 0.0
    acceleration = (points[2:] - 2 * points[1:-1] + points[:-2]).norm(dim=-1)
    counted = seen[2:] & seen[1:-1] & seen[:-2]
    return float(acceleration[counted].mean()) if bool(counted.any()) else 0.0


def need_tracks(poses: Poses) -> None:
    """Raise `InputError` if a person has no track."""
    if bool((poses.present & (poses.track_ids < 0)).any()):
        raise InputError("poses: expected people with tracks; put Track Poses before this node")
