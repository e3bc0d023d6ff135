"""Camera from Flow: how the camera turns and zooms, for Wan's camera models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.motion_tracks.choices import ZOOMS
from ..api import io
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule, Step
from ..types import WanCameraEmbedding
from ..widgets import flow_input, side_input
from . import CATEGORY
from .outputs import size_outputs

if TYPE_CHECKING:
    from ...engines.flow.turning import Samples


class _Step(Step):
    """Keeps the motion at a few places, and not the flow."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._found: Samples | None = None  # of all pairs so far

    def run(self, inputs: Mapping[str, Any]) -> None:
        from ...engines.flow.turning import Samples

        here = Samples.of(inputs["flow"])
        self._found = here if self._found is None else Samples.cat([self._found, here])

    def finish(self, inputs: Mapping[str, Any]) -> None:
        if self._found is not None:
            outputs, self.text = _measured(self._found, inputs)
            self.ends = dict(enumerate(outputs))

    @property
    def state(self) -> Any:
        return self._found

    @state.setter
    def state(self, value: Any) -> None:
        self._found = value


def _measured(found: Samples, inputs: Mapping[str, Any]) -> tuple[Outputs, str]:
    from ...engines.flow.turning import turning
    from ...engines.geometry.rotations import turn_of
    from ...engines.motion_tracks.pluecker import camera_embedding

    camera = turning(found, inputs["field_of_view"])
    size = (inputs["height"] or found.size[0], inputs["width"] or found.size[1])
    made = camera_embedding(camera, size=size, length=inputs["length"], zoom=inputs["zoom"])
    latents, height, width = made.shape[2:]
    down, right, roll = turn_of(camera.to_world[-1]).rad2deg().tolist()
    text = (
        f"from the first to the last frame: {right:+.1f} degrees right, {-down:+.1f} up, "
        f"{roll:+.1f} clockwise, zoom {float(camera.zoom[-1]):.2f}\n"
        "an approximation: all common motion counts as rotation and zoom, none as translation"
    )
    return (made, width, height, (latents - 1) * 4 + 1), text


class CameraFromFlow(io.ComfyNode):
    STREAMING = Rule("sums", ("flow",), step=_Step, least=2, ends=(0, 1, 2, 3))
    ORDER = 840

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographCameraFromFlow",
            display_name="Camera from Flow",
            category=CATEGORY,
            **found_by(
                "camera motion, camera trajectory, plucker, fun camera, cameractrl, pan zoom"
            ),
            description="Estimates from optical flow how the camera turns and zooms, for Wan's "
            "camera models. An approximation: how far the camera moves cannot be seen in flow.",
            inputs=[
                flow_input(
                    "From Estimate Flow, with the forward direction; of a clip without cuts."
                ),
                side_input("width", "Width of the video to generate in pixels. 0: as the footage."),
                side_input(
                    "height", "Height of the video to generate in pixels. 0: as the footage."
                ),
                io.Int.Input(
                    "length",
                    default=0,
                    min=0,
                    max=16384,
                    step=1,
                    tooltip="Length of the video to generate in frames, 4n + 1, over which the "
                    "camera's way is spread. 0: that of the clip, or the next smaller one.",
                ),
                io.Float.Input(
                    "field_of_view",
                    default=55.0,
                    min=1.0,
                    max=170.0,
                    step=0.5,
                    tooltip="Horizontal angle of view of the footage in degrees, which flow cannot "
                    "tell. A larger one gives larger rotations.",
                ),
                io.Combo.Input(
                    "zoom",
                    options=list(ZOOMS),
                    default=ZOOMS[0],
                    tooltip="What a picture that grows means. lens: the focal length changes. "
                    "dolly: the camera moves forward, in units of the distance of the scene.",
                ),
            ],
            outputs=[
                WanCameraEmbedding.Output(
                    display_name="camera_embedding",
                    tooltip="For WanCameraImageToVideo: the ray of every pixel.",
                ),
                *size_outputs(),
            ],
        )

    @classmethod
    def execute(cls, flow: Any, **values: Any) -> io.NodeOutput:
        from ...engines.flow.turning import Samples

        outputs, text = _measured(Samples.of(flow), values)
        return io.NodeOutput(*outputs, ui=Shown(text))
