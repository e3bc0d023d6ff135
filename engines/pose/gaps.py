"""Fill gaps of tracks between the frames in which they are seen."""

from dataclasses import dataclass, field

from ..errors import InputError
from ..tracking.gaps import Gaps
from .poses import Poses
from .tracks import Tracks, by_track, to_poses


def fill_gaps(poses: Poses, limit: int) -> Poses:
    """Put back joints, and people, that a track loses for at most `limit` frames.

    They lie on the straight line between where they were last and next seen, with the lower of
    both confidences. Raises `InputError` for a limit below 0.
    """
    if limit < 0:
        raise InputError(f"limit: expected at least 0, found {limit}")
    tracks = by_track(poses)
    if limit == 0:
        return poses
    people = Gaps.find(tracks.present, limit)
    here = tracks.present | people.within
    joints = Gaps.find(tracks.seen, limit).where(here[..., None])
    filled = Tracks(
        ids=tracks.ids,
        keypoints=joints.filled(tracks.keypoints),
        confidence=joints.filled_with_lower(tracks.confidence),
        boxes=people.filled(tracks.boxes),
        scores=people.filled_with_lower(tracks.scores),
        present=here,
    )
    return to_poses(filled, poses)


@dataclass
class GapFiller:
    """`fill_gaps` over successive chunks, with the same result as over the whole clip.

    A gap can only be filled once the person is seen again, so the last `limit` frames are held
    back until enough have followed or `finish` says that none will.
    """

    limit: int
    _kept: Poses | None = field(default=None, repr=False)  # frames that others still depend on
    _given: int = field(default=0, repr=False)  # how many of these were handed out

    @property
    def state(self) -> tuple[Poses | None, int]:
        """What another one continues with: `GapFiller(limit, *state)`."""
        return self._kept, self._given

    def update(self, poses: Poses) -> Poses | None:
        """Take the next chunk; return the frames that are ready, or None."""
        kept = poses if self._kept is None else Poses.cat([self._kept, poses])
        filled = fill_gaps(kept, self.limit)
        ready = max(self._given, len(kept) - self.limit)
        out = filled.slice(self._given, ready) if ready > self._given else None
        # a gap is at most `limit` frames long, and begins after a frame in which it was seen
        first = max(0, ready - self.limit - 1)
        self._kept, self._given = kept.slice(first, len(kept)), ready - first
        return out

    def finish(self) -> Poses | None:
        """Return the held-back frames, or None; the next chunk begins another clip."""
        kept, given, self._kept, self._given = self._kept, self._given, None, 0
        if kept is None or given >= len(kept):
            return None
        return fill_gaps(kept, self.limit).slice(given, len(kept))
