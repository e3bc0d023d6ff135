"""Draw 3D Skeleton: the limbs of bodies in space, as models take them that know depth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.pose.skeletons import OPENPOSE_134, WHOLEBODY_133
from ...engines.render.choices import COLOURINGS, SKELETONS_3D
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..previews import of_images
from ..render.pictures import size_inputs
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Refusal, Rule, Step, Survey
from ..types import KinoPoses
from ..widgets import bodies_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.body.bodies import Bodies
    from ...engines.pose.poses import Poses
    from ...engines.render.capsules.scail import Fade


class _SurveyStep(Step):
    """Finds the nearest and the farthest joint of the whole clip."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._ends: Tensor | None = None

    def run(self, inputs: Mapping[str, Any]) -> None:
        import torch

        from ...engines.render.capsules.scail import depth_ends

        here = depth_ends(inputs["bodies"])
        if self._ends is not None:
            low, high = torch.stack([self._ends, here]).unbind(1)
            here = torch.stack([low.min(), high.max()])
        self._ends = here

    def finish(self, inputs: Mapping[str, Any]) -> None:
        self.ends = {0: self._ends}

    @property
    def state(self) -> Any:
        return self._ends

    @state.setter
    def state(self, value: Any) -> None:
        self._ends = value


class _Step(Step):
    """Runs the node, after its survey if it needs one."""

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        inputs = dict(inputs)
        if (ends := inputs.pop("survey", None)) is not None:
            fade = _fade(ends, inputs["nearest"], inputs["fades_over"])
            inputs |= {"nearest": fade.near, "fades_over": fade.over}
        return self._execute(inputs)


def _fade(ends: Tensor, nearest: float, over: float) -> Fade:
    """Return how depth darkens: as it is set, and where it is 0 as of the clip's depths [2] m."""
    from ...engines.render.capsules.scail import Fade

    found = Fade.of(ends)
    return Fade(nearest or found.near, over or found.over)


_SURVEY = Survey(
    _SurveyStep,
    needed=lambda values: not (values.get("nearest") and values.get("fades_over")),
    refusal=Refusal(
        "how far the nearest and the farthest joint of the clip are decides how bright all is",
        "set nearest and fades_over",
    ),
)


class DrawSkeleton3D(io.ComfyNode):
    STREAMING = Rule("frames", ("bodies", "poses"), step=_Step, survey=_SURVEY, draws=True)
    ORDER = 765

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographDrawSkeleton3D",
            display_name="Draw 3D Skeleton",
            category=CATEGORY,
            **found_by(
                "scail, scail pose, nlf, 3d pose, capsules, cylinders, render pose, stick figure, "
                "control video"
            ),
            description="Draws the limbs of bodies as shaded capsules in space, so that a model "
            "sees which is in front, with hands and faces on top: the control video of SCAIL.",
            inputs=[
                bodies_input("From Detect Bodies, Smooth Bodies or any other node with bodies."),
                io.Combo.Input(
                    "style",
                    options=list(SKELETONS_3D),
                    default=SKELETONS_3D[0],
                    tooltip="scail: the colours, sizes and light of SCAIL-Pose.",
                ),
                io.Combo.Input(
                    "colours",
                    options=list(COLOURINGS),
                    default="style",
                    tooltip="style: everybody in SCAIL's colours for one person. track: in those "
                    "that it has for two: the first one's for even tracks, the second one's for "
                    "odd ones.",
                ),
                *size_inputs(),
                advanced.Float.Input(
                    "nearest",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.1,
                    tooltip="Distance in metres up to which nothing is darkened. 0: as SCAIL, that "
                    "of the nearest joint of the clip.",
                ),
                advanced.Float.Input(
                    "fades_over",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.1,
                    tooltip="How far behind nearest everything is black, in metres. 0: as SCAIL, "
                    "the distance of the farthest joint of the clip and 6 m, at most 20.",
                ),
                KinoPoses.Input(
                    "poses",
                    optional=True,
                    tooltip="Poses of the same frames, whose hands, eyes, ears, brows and mouths "
                    "are drawn on top, from Add Hands and Face.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The drawn frames, on black."),
                io.Mask.Output(display_name="mask", tooltip="1 where something is drawn."),
            ],
        )

    @classmethod
    def execute(
        cls,
        bodies: Bodies,
        style: str,
        colours: str,
        width: int,
        height: int,
        fit: str,
        nearest: float,
        fades_over: float,
        poses: Poses | None = None,
    ) -> io.NodeOutput:
        from ...engines.geometry.placement import complete_size
        from ...engines.render.capsules.scail import Fade, depth_ends, draw_scail

        if nearest and fades_over:
            fade = Fade(nearest, fades_over)
        else:
            fade = _fade(depth_ends(bodies), nearest, fades_over)
        image, mask = draw_scail(
            bodies,
            poses=poses,
            size=complete_size(bodies.canvas, height or None, width or None),
            fit=fit,
            colours=colours,
            fade=fade,
            progress=host.progress(len(bodies)),
        )
        device = host.image_device()
        shown = Shown(
            f"{counted(len(bodies), 'frame')} of {image.shape[2]}x{image.shape[1]}; brightest at "
            f"{fade.near:.1f} m, black at {fade.near + fade.over:.1f} m",
            warnings=_warnings(bodies, colours, poses),
            picture=partial(of_images, image),
        )
        return io.NodeOutput(image.to(device), mask.to(device), ui=shown)


def _warnings(bodies: Bodies, colours: str, poses: Poses | None) -> list[str]:
    if not bool(bodies.count.any()):
        return ["no frame contains bodies; nothing is drawn"]
    found = []
    if poses is not None and poses.skeleton not in (WHOLEBODY_133.name, OPENPOSE_134.name):
        found.append(
            "poses: these have no hands and faces, of which SCAIL draws both; put Add Hands and "
            "Face before this node"
        )
    if colours == "track" and bool((bodies.present & (bodies.track_ids < 0)).any()):
        found.append("colours: bodies without a track have the colours for one person")
    return found
