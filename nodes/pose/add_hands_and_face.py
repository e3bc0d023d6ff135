"""Add Hands and Face: makes whole bodies of poses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..previews import of_poses
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..types import KinoEngine
from ..widgets import poses_input
from . import CATEGORY
from .outputs import pose_outputs, pose_values

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.head.hands_and_face import WholeBodies
    from ...engines.pose.poses import Poses
    from ...engines.runtime.engine import Engine

_PARTS = {"hands": ("hand_engine", "mediapipe_hand"), "face": ("face_engine", "mediapipe_face")}


class _Step(Step):
    """Looks at as many frames together as for the whole clip; the engines stay for all chunks."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._engines: dict[str, Engine] = {}

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        from ...engines.head.settings import frames_together

        image: Tensor = inputs["image"]
        device = next(iter(self._ready(inputs).values())).device
        return count - count % frames_together(device, (image.shape[1], image.shape[2]))

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        return self._execute({**inputs, **self._ready(inputs)})

    def _ready(self, inputs: Mapping[str, Any]) -> dict[str, Engine]:
        if not self._engines:
            self._engines = included_engines(inputs)
        return self._engines


class AddHandsAndFace(io.ComfyNode):
    STREAMING = Rule("frames", ("image", "poses"), step=_Step)
    ORDER = 95

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographAddHandsAndFace",
            display_name="Add Hands and Face",
            category=CATEGORY,
            **found_by(
                "dwpose, whole body, hand pose, fingers, face keypoints, mediapipe hands, openpose "
                "hands and face"
            ),
            description="Detects the hands and the faces of people whose bodies are known, and "
            "adds them to their poses: 21 points per hand, 68 per face, as DWPose gives them.",
            inputs=[
                io.Image.Input("image", tooltip="The frames in which the people were detected."),
                poses_input(
                    "From Detect Poses or any other node that outputs poses. Hands are looked for "
                    "where a wrist is visible and its elbow or shoulder, faces where two of nose, "
                    "eyes and ears are."
                ),
                io.Boolean.Input(
                    "hands",
                    default=True,
                    tooltip="On: hands are detected, and replace any that the poses have.",
                ),
                io.Boolean.Input(
                    "face",
                    default=True,
                    tooltip="On: faces are detected, and replace any that the poses have.",
                ),
                io.Float.Input(
                    "score_threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Hands and faces of this confidence or less are dropped. Lower it if "
                    "some are missed; raise it if something else is taken for a hand or a face.",
                ),
                advanced.Boolean.Input(
                    "fit_arms",
                    default=True,
                    tooltip="On: hands that do not fit their arm by position, size or direction "
                    "are dropped, and a hand that two arms claim goes to the nearer one.",
                ),
                KinoEngine.Input(
                    "hand_engine",
                    optional=True,
                    tooltip="From Build Engine, with a model of Load Hand Model. Not connected: "
                    "the included model on the best backend.",
                ),
                KinoEngine.Input(
                    "face_engine",
                    optional=True,
                    tooltip="From Build Engine, with mediapipe_face of Load Head Model. Not "
                    "connected: that model on the best backend.",
                ),
            ],
            outputs=pose_outputs(),
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        poses: Poses,
        hands: bool,
        face: bool,
        score_threshold: float,
        fit_arms: bool,
        hand_engine: Engine | None = None,
        face_engine: Engine | None = None,
    ) -> io.NodeOutput:
        from ...engines.head.hands_and_face import add_hands_and_face

        given: dict[str, Any] = {
            **{"hands": hands, "face": face},
            **{"hand_engine": hand_engine, "face_engine": face_engine},
        }
        unused = [name for part, (name, _) in _PARTS.items() if not given[part] and given[name]]
        engines = included_engines(given)
        for engine in engines.values():
            host.ready(engine)
        found = add_hands_and_face(
            image,
            poses,
            **engines,
            score_threshold=score_threshold,
            plausible=fit_arms,
            progress=host.progress(image.shape[0] * len(engines)),
        )
        shown = Shown(
            _text(found, engines),
            warnings=[f"{name}: not used, because its part is off" for name in unused],
            picture=partial(of_poses, image, found.poses),
        )
        return io.NodeOutput(*pose_values(found.poses), ui=shown)


def included_engines(inputs: Mapping[str, Any]) -> dict[str, Engine]:
    """Return the engines of the parts that are on, by input: those connected or the included ones.

    Raises `InputError` if nothing is on.
    """
    from ..engine.automatic import included_engine

    wanted = [engine for part, engine in _PARTS.items() if inputs[part]]
    if not wanted:
        raise InputError("hands: expected hands or face to be on, found both off; turn one on")
    return {name: inputs.get(name) or included_engine(model) for name, model in wanted}


def _text(found: WholeBodies, engines: Mapping[str, Engine]) -> str:
    """Return what was found, in words, one line per part."""
    poses = found.poses
    lines = [f"{counted(len(poses), 'frame')}, {counted(int(poses.count.sum()), 'pose')}"]
    if (hands := found.hands) is not None:
        dropped = {
            "nothing like a hand": hands.unlike,
            "none that fits the arm": hands.unfit,
            "another arm's hand": hands.twice,
        }
        lines.append(_line("hand", "wrist", hands.found, hands.looked, dropped))
        if hands.looked == 0 and bool(poses.count.any()):
            lines.append(
                "Warning: no wrist is visible together with its elbow or shoulder; lower "
                "keypoint_threshold in Detect Poses"
            )
    if (faces := found.faces) is not None:
        dropped = {"nothing like a face": faces.looked - faces.found}
        lines.append(_line("face", "head", faces.found, faces.looked, dropped))
    lines += [f"{e.model.name} in {e.backend} on {e.device}" for e in engines.values()]
    return "\n".join(lines)


def _line(part: str, place: str, found: int, looked: int, dropped: Mapping[str, int]) -> str:
    why = [f"{reason} at {count}" for reason, count in dropped.items() if count]
    return "; ".join([f"{counted(found, part)} at {counted(looked, place)}", *why])
