"""Follow whatever has boxes from frame to frame."""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Generic, Protocol, TypeVar

from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from ..video.cuts import check_cuts
from .association import Association, Known, in_places
from .given import tracks_given
from .similarity import BoxSimilarity, box_observations


class Boxed(Protocol):
    """What is followed: boxes [F,P,4] px and tracks [F,P] in places of frames, see `Padded`."""

    @property
    def boxes(self) -> Tensor: ...
    @property
    def track_ids(self) -> Tensor: ...
    @property
    def count(self) -> Tensor: ...
    @property
    def canvas(self) -> tuple[int, int]: ...
    @property
    def present(self) -> Tensor: ...
    def __len__(self) -> int: ...


Some = TypeVar("Some", bound=Boxed)


@state_type()
@dataclass(frozen=True)
class BoxTrackState:
    """What a tracker knows at the end of a chunk; opaque, to be handed to the next.

    given: whether those found came with tracks; None: there was none yet
    """

    known: Known | None = None
    next_id: int = 0
    canvas: tuple[int, int] = (0, 0)
    given: bool | None = None


@dataclass
class BoxTracker(Generic[Some]):
    """Give what is found in successive chunks ids that stay with it.

    Each is looked for where its velocity would have carried it; which goes with which is the
    assignment of the highest total similarity of their boxes. Those that have tracks already, from
    the people that they are of, keep them.

    max_gap: frames for which what is unseen is remembered
    """

    NAME: ClassVar[str]  # of the input that they come from
    FINDER: ClassVar[str]  # the node that finds them

    max_gap: int = 30
    state: BoxTrackState = field(default_factory=BoxTrackState)

    def __post_init__(self) -> None:
        if self.max_gap < 0:
            raise InputError(f"max_gap: expected at least 0, found {self.max_gap}")

    def reset(self) -> None:
        """Forget everybody; ids are not used again."""
        self.state = replace(self.state, known=None)

    def update(self, found: Some, cuts: Tensor | None = None) -> Some:
        """Return the next chunk with its tracks.

        cuts: [F] bool, frames that begin a new shot; everybody is forgotten there

        Raises `InputError` if the canvas changes without a reset, if the number of cuts is not that
        of the frames, and if only some have tracks.
        """
        check_cuts(cuts, len(found))
        state = self.state
        if state.known and state.canvas != found.canvas:
            (high, wide), (before_high, before_wide) = found.canvas, state.canvas
            raise InputError(
                f"{self.NAME}: in frames of {wide}x{high}, but those before were "
                f"{before_wide}x{before_high}; reset the tracks"
            )
        given = tracks_given(found, state.given, self.NAME, self.FINDER)
        if given:
            self.state = replace(state, canvas=found.canvas, given=True)
            return found
        boxes = found.boxes.cpu().float().numpy()
        new_shot = [False] * len(found) if cuts is None else cuts.tolist()
        frames = (box_observations(boxes[f, :n]) for f, n in enumerate(found.count.tolist()))
        association = Association(BoxSimilarity(), max_gap=self.max_gap)
        ids, known, next_id = association.run(frames, new_shot, state.known, state.next_id)
        self.state = BoxTrackState(known, next_id, found.canvas, given)
        tracked: Some = replace(found, track_ids=in_places(ids, found.track_ids))  # type: ignore[type-var]
        return tracked
