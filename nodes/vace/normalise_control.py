"""Control Normalise: brings controls to the size, rate and length of models that are not VACE."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.vace.choices import CONTROL_LENGTH_MODES
from ...engines.vace.presets import PRESETS
from .. import advanced
from ..api import host, io
from ..previews import of_images
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Rule
from ..widgets import fit_input, open_rate_input, side_input
from . import CATEGORY
from .chunks import NormaliseStep, chosen, not_live

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.vace.normalise import Normalised
    from ...engines.vace.settings import ClipSettings

_GRID = ("side", "step", "offset")


class _Step(NormaliseStep):
    """Normalises chunks."""

    LENGTH = 4

    def settings(self, inputs: Mapping[str, Any]) -> ClipSettings:
        return _settings(**chosen(inputs, *_GRID))

    def outputs(self, ready: Normalised, inputs: Mapping[str, Any]) -> Outputs:
        return _outputs(ready, None)


def _settings(**given: Any) -> ClipSettings:
    from ...engines.vace.outside import BLACK
    from ...engines.vace.settings import ClipSettings

    return ClipSettings(**given, outside=BLACK)


def _outputs(ready: Normalised, length: int | None) -> Outputs:
    """Return the node's outputs.

    length: None for a chunk of a clip whose length is not known yet
    """
    high, wide = ready.size
    return (ready.image, ready.mask, wide, high, length, ready.placement.rate)


class ControlNormalise(io.ComfyNode):
    STREAMING = Rule(
        "stream",
        ("image", "mask"),
        one=("mask",),
        step=_Step,
        fixed=(2, 3, 5),
        ends=(4,),
        not_live=not_live,
    )
    ORDER = 265

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographControlNormalise",
            display_name="Control Normalise",
            category=CATEGORY,
            **found_by(
                "normalize, wan animate, scail, ltx, minimax, infinitetalk, s2v, void, fun "
                "control, 4n+1, 8n+1, resize video, pad video, frame rate, video length"
            ),
            description="Brings control images and masks to the size, frame rate and length of a "
            "model that is not VACE: Wan-Animate, SCAIL-2, LTX-2, MiniMax H3, InfiniteTalk, S2V, "
            "VOID, or any other by its numbers.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="Control images or footage; depth maps, edges and the like may have "
                    "one channel.",
                ),
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default="none",
                    tooltip="The model: the multiple of its sides, its lengths and its frame rate "
                    "where that is known. none: multiples of 16, 4n+1 frames, any frame rate.",
                ),
                side_input(
                    "width",
                    "A multiple of side. 0: computed from the height, or the image's own width "
                    "rounded down.",
                ),
                side_input(
                    "height",
                    "A multiple of side. 0: computed from the width, or the image's own height "
                    "rounded down.",
                ),
                io.Int.Input(
                    "length",
                    default=0,
                    min=0,
                    max=16385,
                    step=1,
                    tooltip="Number of frames at the new frame rate, one that the preset has. 0: "
                    "that of the clip, completed according to length_mode.",
                ),
                io.Combo.Input(
                    "length_mode",
                    options=list(CONTROL_LENGTH_MODES),
                    default="repeat_last",
                    tooltip="How missing frames are filled: by repeating the last frame and its "
                    "mask, or with black frames and black masks. cut drops frames instead.",
                ),
                fit_input(
                    "crop",
                    "How another aspect ratio is fitted to width and height: filled and cropped at "
                    "the edges, whole with black borders, or each side scaled separately.",
                ),
                open_rate_input(
                    "Frame rate of the clip in frames per second, from Get Video Components. 0: "
                    "unknown; every frame is used.",
                ),
                open_rate_input(
                    "Target frame rate in frames per second: frames are dropped or repeated, never "
                    "blended. 0: that of the preset, if the clip has more.",
                    name="target_fps",
                    rare=True,
                ),
                advanced.Int.Input(
                    "side",
                    default=0,
                    min=0,
                    max=512,
                    step=1,
                    tooltip="Both sides are multiples of it, in pixels. 0: as the preset has it.",
                ),
                advanced.Int.Input(
                    "step",
                    default=0,
                    min=0,
                    max=512,
                    step=1,
                    tooltip="Lengths are step*n + offset: 4 for 4n+1, 1 for any length. 0: as the "
                    "preset has it.",
                ),
                advanced.Int.Input(
                    "offset",
                    default=0,
                    min=0,
                    max=512,
                    step=1,
                    tooltip="The shortest length, 1 to step: 1 for 4n+1, 5 for 17n+5; the same as "
                    "step for its multiples. 0: as the preset has it.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Fitted with the image: one for all frames or one per frame; black in "
                    "borders and black frames. Not connected: white where the image lies.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image", tooltip="For the control input of the model's node."
                ),
                io.Mask.Output(display_name="mask", tooltip="One per frame, for the same frames."),
                io.Int.Output(display_name="width", tooltip="For the model's node."),
                io.Int.Output(display_name="height", tooltip="For the model's node."),
                io.Int.Output(display_name="length", tooltip="For the model's node."),
                io.Float.Output(
                    display_name="fps", tooltip="Frame rate of the prepared clip: for Create Video."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        preset: str,
        width: int,
        height: int,
        length: int,
        length_mode: str,
        fit: str,
        fps: float,
        target_fps: float,
        side: int,
        step: int,
        offset: int,
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.vace.normalise import normalise_as
        from ...engines.vace.report import report

        settings = _settings(
            width=width,
            height=height,
            length=length,
            length_mode=length_mode,
            fit=fit,
            preset=preset,
            fps=fps,
            target_fps=target_fps,
            side=side,
            step=step,
            offset=offset,
        )
        ready = normalise_as(settings, image, mask, progress=host.progress(len(image)))
        text = report(ready, preset, outside=settings.outside)
        shown = Shown(text, picture=partial(of_images, ready.image))
        return io.NodeOutput(*_outputs(ready, ready.length), ui=shown)
