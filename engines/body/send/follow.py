"""Whom to send by protocols that carry one person."""

from ..bodies import Bodies

_PATIENCE = 30  # frames without the one that is followed, after which another is


class Follow:
    """Follows one track through successive frames."""

    def __init__(self, track: int | None) -> None:
        """Set up. track: the only one to follow; None: who has the highest score, for as long as
        that one is there."""
        self._only = track
        self._track = track
        self._missed = 0

    def place(self, bodies: Bodies) -> int | None:
        """Return the place of that body in one frame; None if it is not there."""
        ids = bodies.track_ids[0, : int(bodies.count[0])].tolist()
        if self._track in ids:
            self._missed = 0
            return ids.index(self._track)
        self._missed += 1
        if self._only is None and ids and (self._track is None or self._missed > _PATIENCE):
            self._track, self._missed = ids[0], 0
            return 0
        return None
