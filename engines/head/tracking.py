"""Track heads from frame to frame by their boxes."""

from dataclasses import dataclass, field, replace

from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from ..tracking.association import Association, Known, in_places
from ..tracking.given import tracks_given
from ..tracking.similarity import BoxSimilarity, box_observations
from ..video.cuts import check_cuts
from .heads import Heads


@state_type()
@dataclass(frozen=True)
class HeadTrackState:
    """What a tracker knows at the end of a chunk; opaque, to be handed to the next.

    given: whether heads came with tracks; None: there was none yet
    """

    heads: Known | None = None
    next_id: int = 0
    canvas: tuple[int, int] = (0, 0)
    given: bool | None = None


@dataclass
class HeadTracker:
    """Give the heads of successive chunks ids that stay with them.

    Every head is looked for where its velocity would have carried it; which goes with which is the
    assignment of the highest total similarity of their boxes. Heads that have tracks already, from
    the people whose faces they are, keep them.

    max_gap: frames for which an unseen head is remembered
    """

    max_gap: int = 30
    state: HeadTrackState = field(default_factory=HeadTrackState)

    def __post_init__(self) -> None:
        if self.max_gap < 0:
            raise InputError(f"max_gap: expected at least 0, found {self.max_gap}")

    def reset(self) -> None:
        """Forget everybody; ids are not used again."""
        self.state = replace(self.state, heads=None)

    def update(self, heads: Heads, cuts: Tensor | None = None) -> Heads:
        """Return the next chunk with its tracks.

        cuts: [F] bool, frames that begin a new shot; everybody is forgotten there

        Raises `InputError` if the canvas changes without a reset, if the number of cuts is not that
        of the frames, and if only some heads have tracks.
        """
        check_cuts(cuts, len(heads))
        state = self.state
        if state.heads and state.canvas != heads.canvas:
            (high, wide), (before_high, before_wide) = heads.canvas, state.canvas
            raise InputError(
                f"heads: in frames of {wide}x{high}, but those before were "
                f"{before_wide}x{before_high}; reset the tracks"
            )
        given = tracks_given(heads, state.given, "heads", "Detect Heads")
        if given:
            self.state = replace(state, canvas=heads.canvas, given=True)
            return heads
        boxes = heads.boxes.cpu().float().numpy()
        new_shot = [False] * len(heads) if cuts is None else cuts.tolist()
        frames = (box_observations(boxes[f, :n]) for f, n in enumerate(heads.count.tolist()))
        association = Association(BoxSimilarity(), max_gap=self.max_gap)
        ids, known, next_id = association.run(frames, new_shot, state.heads, state.next_id)
        self.state = HeadTrackState(known, next_id, heads.canvas, given)
        return replace(heads, track_ids=in_places(ids, heads.track_ids))
