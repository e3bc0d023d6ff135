"""Flow to Mask: masks what moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engines.flow.choices import CAMERAS
from .. import advanced
from ..api import host, io
from ..search import found_by
from ..show import Shown
from ..streaming import Rule
from ..widgets import flow_input, speed_threshold_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.flow.flow import Flow


class FlowMask(io.ComfyNode):
    STREAMING = Rule("frames", ("flow",), least=2)
    ORDER = 180

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographFlowMask",
            display_name="Flow to Mask",
            category=CATEGORY,
            **found_by("motion mask, movement, moving objects, camera motion, difference mask"),
            description="Masks what moves, or only what moves differently from the camera.",
            inputs=[
                flow_input(),
                speed_threshold_input(
                    "Speed in pixels per frame from which a pixel counts as moving."
                ),
                io.Combo.Input(
                    "camera",
                    options=list(CAMERAS),
                    default="keep",
                    tooltip="Camera motion that is subtracted first. keep: none. translation: the "
                    "motion of most of the image. affine: the same with zoom, rotation and shear.",
                ),
                advanced.Float.Input(
                    "soft",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.05,
                    tooltip="Range above the threshold in pixels per frame over which the mask "
                    "fades in. 0: the mask is 0 or 1.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-256,
                    max=256,
                    step=1,
                    tooltip="Pixels by which the mask grows on every side; negative values shrink "
                    "it.",
                ),
                io.Float.Input(
                    "feather",
                    default=0.0,
                    min=0.0,
                    max=256.0,
                    step=0.5,
                    tooltip="Pixels over which the edges of the mask fade, half on each side.",
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="1 where something moves.")],
        )

    @classmethod
    def execute(
        cls,
        flow: Flow,
        threshold: float,
        camera: str,
        soft: float,
        grow: int,
        feather: float,
    ) -> io.NodeOutput:
        from ...engines.flow.motion import motion_mask

        mask = motion_mask(flow, threshold=threshold, soft=soft, camera=camera)
        mask = _shaped(mask, grow, feather).to(host.image_device())
        return io.NodeOutput(mask, ui=Shown(f"{mask.mean():.1%} moves"))


def _shaped(mask: Tensor, pixels: int, edge: float) -> Tensor:
    from ...engines.geometry.morphology import feather, grow

    return feather(grow(mask, pixels) if pixels else mask, edge)
