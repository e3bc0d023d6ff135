"""VACE Preview: shows what a VACE model is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.vace.presets import PRESETS
from .. import advanced
from ..api import host, io, ui
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, Step
from ..types import KinoVace
from ..widgets import open_rate_input, side_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.vace.control import VaceControl
    from ...engines.vace.inspector import Inspector

AUTO = "auto"


class _Step(Step):
    """Makes the report; headless nobody looks at the pictures."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._state: Any = None
        self._about: tuple[float, str] = (0.0, "none")  # frame rate, preset

    def run(self, inputs: Mapping[str, Any]) -> None:
        vace, image, mask, reference = (
            inputs.get(name) for name in ("vace", "image", "mask", "reference")
        )
        image, mask, reference, fps, preset = _given_to(
            vace, image, mask, reference, inputs["fps"], inputs.get("preset", AUTO)
        )
        self._about = (fps, preset)
        inspector = self._inspector(inputs)
        inspector.update(image, mask, reference)
        self._state = inspector.state

    def finish(self, inputs: Mapping[str, Any]) -> None:
        fps, preset = self._about
        found, self.text = self._inspector(inputs).finish(fps=fps, model=PRESETS[preset])
        for warning in found:
            host.warn(warning)
        self.ends = {2: self.text}

    def _inspector(self, inputs: Mapping[str, Any]) -> Inspector:
        from ...engines.vace.inspector import Inspector

        return Inspector(inputs["width"], inputs["height"], inputs["length"], self._state)

    @property
    def state(self) -> Any:
        return [self._state, self._about]

    @state.setter
    def state(self, value: Any) -> None:
        self._state, self._about = value


class VacePreview(io.ComfyNode):
    STREAMING = Rule("sums", ("vace", "image", "mask"), step=_Step, ends=(2,), never=(0, 1))
    ORDER = 270

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVacePreview",
            display_name="VACE Preview",
            category=CATEGORY,
            **found_by("wan vace, inspect, debug, check mask, show control video"),
            description="Shows exactly what the model receives, as WanVaceToVideo prepares it, and "
            "warns about what is wrong with it.",
            is_output_node=True,
            inputs=[
                side_input("width", "As set in WanVaceToVideo. 0: that of the image."),
                side_input("height", "As set in WanVaceToVideo. 0: that of the image."),
                io.Int.Input(
                    "length",
                    default=0,
                    min=0,
                    max=16385,
                    step=1,
                    tooltip="As set in WanVaceToVideo. 0: that of the image.",
                ),
                open_rate_input(
                    "Frame rate of the clip in frames per second, e.g. from Get Video Components. "
                    "0: as stored in vace; otherwise unknown and not checked."
                ),
                advanced.Int.Input(
                    "columns",
                    default=5,
                    min=1,
                    max=32,
                    step=1,
                    tooltip="Number of frames on the sheet, from the first to the last.",
                ),
                advanced.Int.Input(
                    "panel",
                    default=320,
                    min=32,
                    max=4096,
                    step=1,
                    tooltip="Longer side of each image in pixels.",
                ),
                KinoVace.Input(
                    "vace", optional=True, tooltip="From VACE Normalise, with its reference images."
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="What goes to control_video; used if vace is not connected.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="What goes to control_masks. Not connected: generate everywhere.",
                ),
                io.Image.Input("reference", optional=True, tooltip="What goes to reference_image."),
                io.Combo.Input(
                    "preset",
                    options=[AUTO, *PRESETS],
                    default=AUTO,
                    optional=True,
                    tooltip="The model whose sizes, lengths and frame rate are checked. auto: that "
                    "of vace, or multiples of 16, 4n+1 frames and 16 fps.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image",
                    tooltip="For every frame: control, the part that is kept, the part that is "
                    "generated, mask, reference.",
                ),
                io.Image.Output(display_name="sheet", tooltip="Some frames side by side."),
                io.String.Output(
                    display_name="report", tooltip="Size, length and warnings, one per line."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        width: int,
        height: int,
        length: int,
        fps: float,
        columns: int,
        panel: int,
        vace: VaceControl | None = None,
        image: Tensor | None = None,
        mask: Tensor | None = None,
        reference: Tensor | None = None,
        preset: str = AUTO,
    ) -> io.NodeOutput:
        from ...engines.vace.inspection import report, warnings
        from ...engines.vace.preview import see, sheet, spread_over, strips

        image, mask, reference, fps, preset = _given_to(vace, image, mask, reference, fps, preset)
        model = PRESETS[preset]
        seen = see(image, mask, width=width, height=height, length=length, reference=reference)
        found = warnings(
            seen,
            image,
            mask,
            reference=reference,
            fps=fps,
            model=model,
        )
        text = report(seen, found, fps=fps, model=model)
        strip = strips(seen, panel=panel)
        picture = sheet(strip, spread_over(strip.shape[0], columns))
        shown = Shown(text, warnings=found, also=ui.PreviewImage(picture))
        return io.NodeOutput(strip, picture, text, ui=shown)


def _given_to(
    vace: VaceControl | None,
    image: Tensor | None,
    mask: Tensor | None,
    reference: Tensor | None,
    fps: float,
    preset: str,
) -> tuple[Tensor, Tensor | None, Tensor | None, float, str]:
    """Images, masks, reference and rate from whichever is connected, and the preset of the model
    they are for."""
    image, mask = _input(vace, image, mask)
    if vace is not None and vace.references is not None and reference is None:
        reference = _images(vace.references)
    if not fps and vace is not None and vace.placement is not None and vace.placement.fps:
        fps = vace.placement.rate
    if preset == AUTO:
        preset = "none" if vace is None or vace.placement is None else vace.placement.preset
    elif preset not in PRESETS:
        raise InputError(f"preset: expected one of {', '.join((AUTO, *PRESETS))}, found {preset!r}")
    return image, mask, reference, fps, preset


def _input(
    vace: VaceControl | None, image: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Images in 0..1 and masks, from whichever is connected."""
    if vace is None:
        if image is None:
            raise InputError("vace, image: nothing is connected; connect one of them")
        return image, mask
    if image is not None or mask is not None:
        raise InputError(
            "vace, image, mask: expected vace alone or image and mask, found both; disconnect one"
        )
    return _images(vace.video), vace.mask[0, 0]


def _images(video: Tensor) -> Tensor:
    """[1,3,F,H,W] in -1..1 -> [F,H,W,3] in 0..1."""
    return video[0].movedim(0, -1) / 2 + 0.5
