"""Gaps of tracks, filled between what was seen."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import InputError
from .poses import Poses
from .tracks import Tracks, by_track, to_poses


def fill_gaps(poses: Poses, limit: int) -> Poses:
    """Joints, and people, that a track loses for at most `limit` frames are put back on the
    straight line between where they were last and next seen, with the lower of both confidences.

    Raises `InputError` for a limit below 0.
    """
    if limit < 0:
        raise InputError(f"limit: expected at least 0, found {limit}")
    tracks = by_track(poses)
    if limit == 0:
        return poses
    within, mix = _gaps(tracks.present, limit)
    here = tracks.present | within
    boxes = torch.where(tracks.present[..., None], tracks.boxes, mix(tracks.boxes))
    scores = torch.where(tracks.present, tracks.scores, mix(tracks.scores, lower=True))
    within, mix = _gaps(tracks.seen, limit)
    fill = within & here[..., None]
    keypoints = torch.where(fill[..., None], mix(tracks.keypoints), tracks.keypoints)
    confidence = torch.where(fill, mix(tracks.confidence, lower=True), tracks.confidence)
    filled = Tracks(tracks.ids, keypoints, confidence, boxes, scores, here)
    return to_poses(filled, poses)


def _gaps(known: Tensor, limit: int) -> tuple[Tensor, Callable[..., Tensor]]:
    """Where `known` [F,...] is false between two true ones at most `limit` + 1 frames apart, and a
    function that mixes the values at both ends."""
    frames = len(known)
    shape = (frames, *[1] * (known.ndim - 1))
    frame = torch.arange(frames, device=known.device).view(shape).expand(known.shape)
    before = torch.where(known, frame, -1).cummax(0).values
    after = torch.where(known, frame, frames).flip(0).cummin(0).values.flip(0)
    within = ~known & (before >= 0) & (after < frames) & (after - before - 1 <= limit)
    low, high = before.clamp(min=0), after.clamp(max=frames - 1)
    part = (frame - low) / (high - low).clamp(min=1)

    def mix(values: Tensor, *, lower: bool = False) -> Tensor:
        more = values.ndim - known.ndim
        index = [i.view(*i.shape, *[1] * more).expand(values.shape) for i in (low, high)]
        first, last = (values.gather(0, i) for i in index)
        if lower:
            return torch.minimum(first, last)
        weight = part.view(*part.shape, *[1] * more)
        return first + (last - first) * weight

    return within, mix


@dataclass
class GapFiller:
    """`fill_gaps` over successive chunks, with the same result as over the whole clip.

    A gap can be filled when somebody is seen again: the last `limit` frames of what has come are
    held back until enough have followed, or `finish` says that none will.
    """

    limit: int
    _kept: Poses | None = field(default=None, repr=False)  # frames that others still depend on
    _given: int = field(default=0, repr=False)  # how many of these were handed out

    @property
    def state(self) -> tuple[Poses | None, int]:
        """What another goes on with: `GapFiller(limit, *state)`."""
        return self._kept, self._given

    def update(self, poses: Poses) -> Poses | None:
        """The next chunk; what can be handed out now, or None."""
        kept = poses if self._kept is None else Poses.cat([self._kept, poses])
        filled = fill_gaps(kept, self.limit)
        ready = max(self._given, len(kept) - self.limit)
        out = filled.slice(self._given, ready) if ready > self._given else None
        # a gap goes back at most `limit` frames, and begins behind one that was seen
        first = max(0, ready - self.limit - 1)
        self._kept, self._given = kept.slice(first, len(kept)), ready - first
        return out

    def finish(self) -> Poses | None:
        """What was held back; the next chunk begins another clip."""
        kept, given, self._kept, self._given = self._kept, self._given, None, 0
        if kept is None or given >= len(kept):
            return None
        return fill_gaps(kept, self.limit).slice(given, len(kept))
