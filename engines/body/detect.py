"""From frames to bodies, of people who are known or not."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor

from ..checks import check_frames
from ..detections.detect import Looks
from ..geometry.camera import Camera
from ..pose.detect import detect_poses
from ..pose.poses import Poses
from ..pose.size import looks_for
from ..pose.tracking import Tracker, TrackState
from ..runtime.engine import Engine
from ..runtime.included import included_beside
from ..sequence import state_type
from ..tracking.given import tracks_given
from ..video.cuts import Cuts
from .bodies import Bodies
from .choices import FOV
from .family import BodyRegressor, body_head
from .fingers import hands_shown, with_fingers
from .fit import FitState, fit_bodies
from .held_hands import HeldHands, hold_hands
from .landmarks import FRAMES, check_people, points_of_bodies
from .regressed import regressed_bodies
from .rig import MANNEQUIN

PEOPLE = "movenet_multipose"

SCORE = 0.5
_SCORE = 0.2  # of people
_KEYPOINT = 0.3  # of their joints


@state_type()
@dataclass(frozen=True)
class BodyDetectState:
    """What a detector knows at the end of a chunk; opaque, to be handed to the next.

    looks: how people are looked for, from the first frame on
    given: whether people came with tracks; None: there was nobody yet
    cuts:  at which tracks end that are not given
    """

    looks: Looks | None = None
    tracks: TrackState = field(default_factory=TrackState)
    given: bool | None = None
    cuts: Cuts = field(default_factory=Cuts)
    fit: FitState | None = None
    hands: HeldHands | None = None


def included_detector(engine: Engine) -> Engine:
    """Return an engine of the included pose network, for an engine that has none; see
    `included_beside`."""
    return included_beside(engine, PEOPLE)


def body_said(engine: Engine, bodies: Bodies) -> str:
    """Return as what bodies are given by a network that gives the pose of SMPL, a clause; "" for
    other networks and if there is nobody."""
    if not (isinstance(body_head(engine.model), BodyRegressor) and bool(bodies.count.any())):
        return ""
    if bodies.rig == MANNEQUIN:
        return "; as the included mannequin, as no SMPL model is named"
    return f"; as your SMPL model ({bodies.rig})"


def unused(engine: Engine, *, fov: float, score_threshold: float) -> list[str]:
    """Return warnings of settings of `BodyDetector` that the engine's network does not use."""
    if not isinstance(body_head(engine.model), BodyRegressor):
        return []
    name, found = engine.model.name, []
    if fov != FOV:
        found.append(f"fov: {name} assumes its own camera; {fov:g} is not used")
    if score_threshold != SCORE:
        found.append(
            f"score_threshold: {name} does not say whether there is a body; {score_threshold:g} is "
            "not used"
        )
    return found


@dataclass
class BodyDetector:
    """Find the bodies in successive chunks of a clip.

    engine:          of a network that finds the points of bodies, or gives the pose of SMPL
    detector:        of a pose network, for frames whose people are not known; None: the included
                     one
    fov:             vertical field of view of the camera, degrees; networks that give the pose of
                     SMPL assume their own
    score_threshold: the points of a body with a lower score count as not seen; likewise
    most:            people per frame that the detector looks for
    state:           at the end of the chunk before

    people:       how many people were in the last chunk
    hands:        how many hands of theirs are posed as they were seen
    unused_hands: how many more hands of theirs were seen
    """

    engine: Engine
    detector: Engine | None = None
    fov: float = FOV
    score_threshold: float = SCORE
    most: int = 6
    state: BodyDetectState = field(default_factory=BodyDetectState)
    people: int = field(default=0, init=False)
    hands: int = field(default=0, init=False)
    unused_hands: int = field(default=0, init=False)

    def update(
        self,
        frames: Tensor,
        people: Poses | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Bodies:
        """Return the bodies in the next frames [F,H,W,3] 0..1.

        people:   in these frames; None: they are looked for. Their tracks are kept; people without
                  tracks get some, which end at cuts. Where their hands were seen, so are those of
                  bodies posed; see `with_fingers`, and `hold_hands` for where they are not
        progress: called with the number of frames done since the last call

        Raises `InputError` for frames that are not RGB in 0..1 or not those of the people, for
        settings out of range, for engines of other networks, and if only some people have tracks.
        """
        check_frames("image", frames)
        camera = Camera.of_field_of_view((frames.shape[1], frames.shape[2]), self.fov)
        if people is None:
            people = self._people(frames)
        check_people(frames, people)
        self.people = int(people.count.sum())
        given = tracks_given(people, self.state.given, "poses", "Detect Bodies")
        self.state = replace(self.state, given=given)
        if not given:
            new_shot, cuts = self.state.cuts.after(frames)
            tracker = Tracker(state=self.state.tracks)
            people = tracker.update(people, new_shot)
            self.state = replace(self.state, tracks=tracker.state, cuts=cuts)
        bodies, posed = with_fingers(self._bodies(frames, people, camera, progress), people)
        self.hands = int(posed.sum())
        self.unused_hands = int(hands_shown(people).sum()) - self.hands
        bodies, hands = hold_hands(bodies, posed, self.state.hands)
        self.state = replace(self.state, hands=hands)
        return bodies

    def _bodies(
        self,
        frames: Tensor,
        people: Poses,
        camera: Camera,
        progress: Callable[[int], None] | None,
    ) -> Bodies:
        """Return the bodies of people with tracks."""
        if isinstance(body_head(self.engine.model), BodyRegressor):
            return regressed_bodies(frames, people, self.engine, progress=progress)
        points = points_of_bodies(
            frames,
            people,
            self.engine,
            score_threshold=self.score_threshold,
            progress=progress,
        )
        bodies, fit = fit_bodies(points, camera.to(points.device), self.state.fit)
        self.state = replace(self.state, fit=fit)
        return bodies

    def looks(self, frames: Tensor) -> Looks:
        """Return how people are looked for in these frames: chosen by the first frame of the clip,
        so that chunks of any length are looked at alike."""
        if self.state.looks is None:
            looks = looks_for(frames[:1], self._finder(), most=self.most)
            self.state = replace(self.state, looks=looks)
        assert self.state.looks is not None
        return self.state.looks

    def frames_at_once(self, frames: Tensor, *, known: bool) -> int:
        """Return how many frames are looked at together.

        known: whether the people in them are
        """
        if known:
            return FRAMES
        size = (frames.shape[1], frames.shape[2])
        return math.lcm(FRAMES, self.looks(frames).frames_at_once(self._finder(), size))

    def _finder(self) -> Engine:
        return self.detector or included_detector(self.engine)

    def _people(self, frames: Tensor) -> Poses:
        return detect_poses(
            frames,
            self._finder(),
            looks=self.looks(frames),
            score_threshold=_SCORE,
            keypoint_threshold=_KEYPOINT,
            max_people=self.most,
        )
