"""Pose Map: from frames to their skeletons in one node."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.models.registry import registry
from ...engines.render.styles import STYLES
from ..api import host, io
from ..engine.automatic import automatic_engine
from ..pose.add_hands_and_face import AddHandsAndFace
from ..pose.detect import DetectPoses
from ..pose.load_model import LoadPoseModel
from ..previews import of_images
from ..search import found_by
from ..show import Shown
from ..streaming import Look, Outputs, Rule, Step
from ..widgets import licence_input
from . import CATEGORY
from .skeleton import DrawSkeleton

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.pose.poses import Poses
    from ...engines.runtime.engine import Engine

# Inputs of the nodes that this one replaces, with values that a beginner need not choose.
_DETECT: dict[str, Any] = {"score_threshold": 0.2, "keypoint_threshold": 0.3, "detection_size": 0}
_ADD: dict[str, Any] = {"score_threshold": 0.5, "fit_arms": True}
_DRAW: dict[str, Any] = {
    "width": 0,
    "height": 0,
    "fit": "stretch",
    "line_width": 0.0,
    "joint_radius": 0.0,
    "colour_order": "rgb",
    "antialias": True,
    "background": "black",
}


class _Step(Step):
    """Looks at frames as Detect Poses does; the engine stays for all chunks."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._detect = DetectPoses.STREAMING.step(DetectPoses)
        self._add = AddHandsAndFace.STREAMING.step(AddHandsAndFace)
        self._engine: Engine | None = None

    def looks_at(self, inputs: Mapping[str, Any]) -> Look | None:
        return self._detect.looks_at(self._given(inputs))

    def look(self, inputs: Mapping[str, Any]) -> None:
        self._detect.look(self._given(inputs))

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        given, most = self._given(inputs), count + 1
        while count < most:  # until it is whole batches of both
            most = count
            count = self._detect.takes(seen, count, given)
            if parts := _parts(inputs):
                count = self._add.takes(seen, count, {**_added(parts), "image": inputs["image"]})
        return count

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        found = self._detect.run(self._given(inputs))
        assert found is not None  # it holds no frame back
        self.text = self._detect.text
        if parts := _parts(inputs):
            found = self._add.run({**_added(parts), "image": inputs["image"], "poses": found[0]})
            assert found is not None
            self.text = self._add.text
        return (_drawn(found[0], inputs["style"], parts),)

    @property
    def state(self) -> Any:
        return self._detect.state

    @state.setter
    def state(self, value: Any) -> None:
        self._detect.state = value

    def _given(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of Detect Poses for the frames that are there."""
        if self._engine is None:
            self._engine = _engine(inputs["model"], inputs.get("accept_licence", False))
        given = {**_DETECT, "engine": self._engine, "max_people": inputs["max_people"]}
        return {**given, "image": inputs["image"]} if "image" in inputs else given


class PoseMap(io.ComfyNode):
    STREAMING = Rule("frames", ("image",), step=_Step, draws=True)
    ORDER = 5

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = [entry.name for entry in registry().values() if entry.task == "pose"]
        return io.Schema(
            node_id="KinographPoseMap",
            display_name="Pose Map",
            category=CATEGORY,
            **found_by(
                "dwpose preprocessor, openpose preprocessor, pose preprocessor, controlnet aux, "
                "skeleton"
            ),
            description="Finds the people in frames and draws their skeletons on black, in one "
            "node: the short form of Load Pose Model, Build Engine, Detect Poses and Draw "
            "Skeleton.",
            inputs=[
                io.Image.Input("image", tooltip="Frames of any size."),
                io.Combo.Input(
                    "style",
                    options=list(STYLES),
                    default="vace",
                    tooltip="How people are drawn: vace for VACE models, openpose for ControlNet; "
                    "Draw Skeleton describes the others.",
                ),
                io.Int.Input(
                    "max_people",
                    default=6,
                    min=1,
                    max=64,
                    step=1,
                    tooltip="Maximum number of people per frame, most confident first.",
                ),
                io.Combo.Input(
                    "model",
                    options=names,
                    default=names[0],
                    tooltip="The pose network, one that finds people by itself. movenet_multipose "
                    "is included; others are downloaded once.",
                ),
                licence_input(),
                io.Boolean.Input(
                    "hands",
                    default=False,
                    optional=True,
                    tooltip="On: hands are detected, too, and drawn in every style, as by Add "
                    "Hands and Face. Off: only those that the model finds itself.",
                ),
                io.Boolean.Input(
                    "face",
                    default=False,
                    optional=True,
                    tooltip="On: faces are detected, too, and drawn in every style, as by Add "
                    "Hands and Face. Off: only those that the model finds itself.",
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The skeletons, on black.")],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        style: str,
        max_people: int,
        model: str,
        accept_licence: bool = False,
        hands: bool = False,
        face: bool = False,
    ) -> io.NodeOutput:
        engine = _engine(model, accept_licence)
        found = DetectPoses.execute(image=image, engine=engine, max_people=max_people, **_DETECT)
        if parts := _parts({"hands": hands, "face": face}):
            found = AddHandsAndFace.execute(image=image, poses=found.args[0], **_added(parts))
        drawn = _drawn(found.args[0], style, parts)
        shown = Shown(found.ui.value, picture=partial(of_images, drawn))
        return io.NodeOutput(drawn, ui=shown)


def _parts(inputs: Mapping[str, Any]) -> list[str]:
    """Return which of hands and face are on."""
    return [part for part in ("hands", "face") if inputs.get(part)]


def _added(parts: Collection[str]) -> dict[str, Any]:
    """Return the inputs of Add Hands and Face that say what to add."""
    return {**_ADD, "hands": "hands" in parts, "face": "face" in parts}


def _engine(model: str, accept_licence: bool) -> Engine:
    return automatic_engine(LoadPoseModel.execute(model, accept_licence).args[0])


def _drawn(poses: Poses, style: str, parts: Collection[str]) -> Tensor:
    """Return the skeletons [F,H,W,3] on black, with `parts` in every style, on the device of
    images."""
    settings = {**_DRAW, **dict.fromkeys(parts, "always")}
    drawn: Tensor = DrawSkeleton.execute(poses=poses, style=style, **settings).args[0]
    return drawn.to(host.image_device())
