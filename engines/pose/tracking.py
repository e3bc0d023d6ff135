"""Track people from frame to frame by their joints."""

from dataclasses import dataclass, field, replace

from torch import Tensor

from ..errors import InputError
from ..sequence import state_type
from ..tracking.association import Association, Known, in_places
from ..tracking.similarity import KeypointSimilarity, box_observations, median_of_points
from ..video.cuts import check_cuts
from .oks import sigmas
from .poses import Poses

# People move further between frames than annotators disagree: factor of the sigmas in OKS.
_LOOSER = 3.0


@state_type()
@dataclass(frozen=True)
class TrackState:
    """What a tracker knows at the end of a chunk; opaque, to be handed to the next."""

    people: Known | None = None
    next_id: int = 0
    skeleton: str = ""
    canvas: tuple[int, int] = (0, 0)


@dataclass
class Tracker:
    """Give the people of successive chunks ids that stay with them.

    Every person is looked for where their velocity would have carried them; who goes with whom is
    the assignment of the highest total similarity (OKS, and the distance of the boxes' centres), as
    in Xiu et al., Pose Flow, 2018.

    max_gap: frames for which an unseen person is remembered
    """

    max_gap: int = 30
    state: TrackState = field(default_factory=TrackState)

    def __post_init__(self) -> None:
        if self.max_gap < 0:
            raise InputError(f"max_gap: expected at least 0, found {self.max_gap}")

    def reset(self) -> None:
        """Forget everybody; ids are not used again."""
        self.state = replace(self.state, people=None)

    def update(self, poses: Poses, cuts: Tensor | None = None) -> Poses:
        """Return the next chunk with its tracks.

        cuts: [F] bool, frames that begin a new shot; everybody is forgotten there

        Raises `InputError` if canvas or skeleton change without a reset, or the number of cuts is
        not that of the frames.
        """
        check_cuts(cuts, len(poses))
        state = self.state
        if state.people and (state.canvas, state.skeleton) != (poses.canvas, poses.skeleton):
            raise InputError(
                f"poses: {poses.skeleton} in {poses.canvas[1]}x{poses.canvas[0]}, but those before "
                f"were {state.skeleton} in {state.canvas[1]}x{state.canvas[0]}; reset the tracks"
            )
        points = poses.keypoints.cpu().float().numpy()
        seen = ((poses.confidence > 0) & poses.present[..., None]).cpu().numpy()
        boxes = poses.boxes.cpu().float().numpy()
        new_shot = [False] * len(poses) if cuts is None else cuts.tolist()
        spread = sigmas(poses.skeleton) * 2 * _LOOSER
        people = Association(KeypointSimilarity(spread), median_of_points, self.max_gap)
        counts = poses.count.tolist()
        frames = (
            replace(
                box_observations(boxes[f, :count]),
                features={"points": points[f, :count], "seen": seen[f, :count]},
            )
            for f, count in enumerate(counts)
        )
        found, known, next_id = people.run(frames, new_shot, state.people, state.next_id)
        self.state = TrackState(known, next_id, poses.skeleton, poses.canvas)
        return replace(poses, track_ids=in_places(found, poses.track_ids))
