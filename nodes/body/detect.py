"""Detect Bodies: finds how bodies are posed and where they are in space."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.body.choices import FOV
from ...engines.words import counted
from ..api import host, io
from ..cuts import cuts_said
from ..found import found_in_frames
from ..inputs import own_state
from ..previews import of_bodies
from ..search import found_by
from ..show import Shown
from ..streaming import Carrying, Rule
from ..types import KinoBodies, KinoEngine, KinoPoses
from ..widgets import state_input, state_output
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.body.bodies import Bodies
    from ...engines.body.detect import BodyDetector
    from ...engines.pose.poses import Poses
    from ...engines.runtime.engine import Engine


class _Step(Carrying):
    """Looks at as many frames together as for the whole clip."""

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        names = ("engine", "detector", "fov", "score_threshold", "max_bodies")
        detector = _detector(
            **{name: inputs[name] for name in names if name in inputs}, state=self._state
        )
        together = detector.frames_at_once(inputs["image"], known="poses" in inputs)
        self._state = detector.state  # how it looks is chosen now
        return count - count % together


class DetectBodies(io.ComfyNode):
    STREAMING = Rule("state", ("image", "poses"), step=_Step, anywhere=("image",))
    ORDER = 710

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDetectBodies",
            display_name="Detect Bodies",
            category=CATEGORY,
            **found_by(
                "3d pose, human mesh recovery, hmr, smpl, sam 3d body, motion capture, mocap, "
                "blazepose, mediapipe pose, 4d humans"
            ),
            description="Finds how every body is posed and where it is in space, as a clothed "
            "mannequin of the person's size with a skeleton of 52 bones. Its size stays the same "
            "for a track, and a body that is not seen in single frames keeps its pose.",
            inputs=[
                io.Image.Input("image", tooltip="Frames of any size."),
                KinoEngine.Input(
                    "engine", tooltip="From Build Engine, with a model of Load Body Model."
                ),
                io.Float.Input(
                    "fov",
                    default=FOV,
                    min=1.0,
                    max=170.0,
                    step=0.1,
                    tooltip="Vertical field of view of the camera in degrees, by which distances "
                    "are computed. 43: the main camera of a phone, held horizontally; 70: held "
                    "vertically.",
                ),
                io.Float.Input(
                    "score_threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="A body of this confidence or less counts as not seen in the frame.",
                ),
                io.Int.Input(
                    "max_bodies",
                    default=6,
                    min=1,
                    max=64,
                    step=1,
                    tooltip="Maximum number of bodies per frame, most confident first, where poses "
                    "is not connected.",
                ),
                KinoPoses.Input(
                    "poses",
                    optional=True,
                    tooltip="The people of the same frames, e.g. from Track Poses: bodies are "
                    "looked at where they are, and keep their tracks. With hands, e.g. from Add "
                    "Hands and Face: their wrists and fingers are bent as seen, and stay so for up "
                    "to 6 frames where a hand is lost. Not connected: people are found by the "
                    "included pose network, in a size chosen by the first frame, and tracked.",
                ),
                KinoEngine.Input(
                    "detector",
                    optional=True,
                    tooltip="From Build Engine, with a pose model: what finds people where poses "
                    "is not connected. Not connected: the included one on the best backend, in "
                    "PyTorch if engine is.",
                ),
                state_input(
                    "The state of this node after the previous chunk, to continue its tracks."
                ),
            ],
            outputs=[
                KinoBodies.Output(display_name="bodies", tooltip="For Kinograph's nodes."),
                state_output(),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        engine: Engine,
        fov: float,
        score_threshold: float,
        max_bodies: int,
        poses: Poses | None = None,
        detector: Engine | None = None,
        state: Any = None,
    ) -> io.NodeOutput:
        from ...engines.body.detect import body_said, included_detector, unused

        host.ready(engine)
        included = poses is None and detector is None
        detector = included_detector(engine) if included else detector
        if poses is None and detector is not None:
            host.ready(detector)
        finder = _detector(engine, fov, score_threshold, max_bodies, detector, state)
        bodies = finder.update(image, poses, host.progress(image.shape[0]))
        text = _text(bodies, finder.people, detector if included else None, poses is not None)
        if bool(bodies.count.any()):
            text += _hands_said(finder)
        text += body_said(engine, bodies) + cuts_said(finder.state.cuts, "tracks end there")
        warnings = unused(engine, fov=fov, score_threshold=score_threshold)
        shown = Shown(text, warnings=warnings, picture=partial(of_bodies, image, bodies))
        return io.NodeOutput(bodies, finder.state, ui=shown)


def _detector(
    engine: Engine,
    fov: float,
    score_threshold: float,
    max_bodies: int,
    detector: Engine | None = None,
    state: Any = None,
) -> BodyDetector:
    """Return what finds the bodies after `state`."""
    from ...engines.body.detect import BodyDetector, BodyDetectState

    known = own_state(state, BodyDetectState) or BodyDetectState()
    return BodyDetector(engine, detector, fov, score_threshold, max_bodies, known)


def _hands_said(finder: BodyDetector) -> str:
    """Return how many hands of the poses were used, a clause; "" if they have none."""
    text = f"; the fingers of {counted(finder.hands, 'hand')}" if finder.hands else ""
    if finder.unused_hands:
        text += f"; {counted(finder.unused_hands, 'hand')} of poses not used"
    return text


def _text(bodies: Bodies, people: int, included: Engine | None, seeded: bool) -> str:
    """Return what was found of `people` and how, in words."""
    text, nobody = found_in_frames(
        bodies.count, found=("body", "bodies"), at_once=("body", "bodies"), nobody="nobody"
    )
    if included is not None:
        text += f"; people by {included.model.name} in {included.backend} on {included.device}"
    lost = int((bodies.present & (bodies.confidence.amax(-1) == 0)).sum())
    if lost:
        text += f"; {counted(lost, 'body', 'bodies')} not seen, in the pose of the frames before"
    if missed := people - int(bodies.count.sum()):
        text += f"; {counted(missed, 'person', 'people')} left out whose body was not seen"
    if nobody:
        cure = "connect poses of Detect Poses, which finds more people"
        if people:
            cure = "lower score_threshold, or bring the people closer"
        elif seeded:
            cure = "poses holds nobody"
        text += f"\nWarning: no bodies were detected; {cure}"
    return text
