"""VACE Normalise: brings controls to the size, rate and length that VACE takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...engines.vace.choices import LENGTH_MODES
from ...engines.vace.presets import PRESETS
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..previews import of_vace
from ..search import found_by
from ..show import Shown
from ..streaming import Outputs, Refusal, Rule, Values
from ..types import KinoVace
from ..widgets import fit_input, open_rate_input, side_input
from . import CATEGORY
from .chunks import NormaliseStep, chosen, not_live

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.vace.normalise import Normalised
    from ...engines.vace.settings import ClipSettings
    from ...engines.video.cuts import Cuts


class _Step(NormaliseStep):
    """Normalises chunks; warns of cuts in the footage."""

    LENGTH = 5

    def __init__(self, node: Any):
        super().__init__(node)
        self.own = (None, -1)  # cuts, and the frame of the clip that was used last

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        cuts, last = self.own
        self.own = (_cuts_in(inputs.get("footage"), len(inputs["image"]), cuts), last)
        return super().run(inputs)

    def settings(self, inputs: Mapping[str, Any]) -> ClipSettings:
        from ...engines.vace.settings import ClipSettings

        return ClipSettings(**chosen(inputs))

    def outputs(self, ready: Normalised, inputs: Mapping[str, Any]) -> Outputs:
        from ...engines.vace.reference import fit_if_any
        from ...engines.vace.report import cuts_warning

        references = fit_if_any(
            inputs.get("reference_images"), ready.size, inputs.get("reference_masks")
        )
        if references is not None:
            references = references.to(ready.image.device)
        cuts, last = self.own
        last = max(last, int(ready.placement.indices.max()))
        self.own = (cuts, last)
        if warning := cuts_warning(cuts, last):
            self.text += f"\nWarning: {warning}"
        return _outputs(replace(ready, references=references), None)


def _cuts_in(footage: Tensor | None, frames: int, before: Cuts | None) -> Cuts:
    """Return the cuts of a clip of so many frames, after those `before`; none without footage."""
    from ...engines.checks import check_frames
    from ...engines.video.cuts import Cuts

    before = before or Cuts()
    if footage is None:
        return before
    check_frames("footage", footage)
    if len(footage) != frames:
        raise InputError(
            f"footage: expected the {counted(frames, 'frame')} of image, found {len(footage)}"
        )
    return before.after(footage)[1]


def _needs_whole_clip(values: Values) -> Refusal | None:
    if values.get("length_mode") != "spread":
        return None
    return Refusal(
        "spread takes frames evenly over the whole clip", "choose repeat_last, pad or cut"
    )


def _outputs(ready: Normalised, length: int | None) -> Outputs:
    """Return the node's outputs.

    length: None for a chunk of a clip whose length is not known yet
    """
    high, wide = ready.size
    return (
        ready.image,
        ready.mask,
        ready.control(),
        wide,
        high,
        length,
        ready.references,
        ready.placement.rate,
    )


class VaceNormalise(io.ComfyNode):
    STREAMING = Rule(
        "stream",
        ("image", "mask", "footage"),
        one=("mask",),
        step=_Step,
        fixed=(3, 4, 6, 7),
        ends=(5,),
        whole=_needs_whole_clip,
        not_live=not_live,
    )
    ORDER = 260

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographVaceNormalise",
            display_name="VACE Normalise",
            category=CATEGORY,
            **found_by(
                "normalize, wan vace, control video, 4n+1, resize video, frame rate, vace "
                "preprocessor"
            ),
            description="Prepares control images, masks and reference images in the size, frame "
            "rate and length that WanVaceToVideo accepts without cropping, padding or rescaling.",
            inputs=[
                io.Image.Input(
                    "image",
                    tooltip="Control images, e.g. from Draw Skeleton; depth maps, edges and the "
                    "like may have one channel.",
                ),
                side_input(
                    "width",
                    "A multiple of 16, or of what the preset needs. 0: computed from the height, "
                    "or by the preset, or the image's own width rounded down.",
                    step=16,
                ),
                side_input(
                    "height",
                    "A multiple of 16, or of what the preset needs. 0: computed from the width, "
                    "or by the preset, or the image's own height rounded down.",
                    step=16,
                ),
                io.Int.Input(
                    "length",
                    default=0,
                    min=0,
                    max=16385,
                    step=1,
                    tooltip="Number of frames, 4n+1 (81, 49, 33 ...) or what the preset needs, at "
                    "the new frame rate. 0: that of the clip, completed according to length_mode.",
                ),
                advanced.Combo.Input(
                    "length_mode",
                    options=list(LENGTH_MODES),
                    default="repeat_last",
                    tooltip="How missing frames are filled: by repeating the last frame, or with "
                    "neutral grey, which leaves the model free (pad). cut drops frames instead. "
                    "spread picks frames evenly over the whole clip, as VACE itself does.",
                ),
                fit_input(
                    "crop",
                    "How another aspect ratio is fitted to width and height: filled and cropped at "
                    "the edges, whole with neutral borders, or each side scaled separately.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generate, black = keep: one for all frames or one per frame. "
                    "Not connected: generate everywhere.",
                ),
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default="none",
                    optional=True,
                    tooltip="The model: its area in the aspect ratio of the clip (never enlarged), "
                    "its lengths and its frame rate, as far as they are known. none: only "
                    "multiples of 16 and 4n+1.",
                ),
                open_rate_input(
                    "Frame rate of the clip in frames per second, from Get Video Components. 0: "
                    "unknown; every frame is used.",
                    optional=True,
                ),
                open_rate_input(
                    "Target frame rate in frames per second: frames are dropped or repeated, never "
                    "blended. 0: that of the preset, if the clip has more.",
                    name="target_fps",
                    optional=True,
                    rare=True,
                ),
                io.Image.Input(
                    "reference_images",
                    optional=True,
                    tooltip="Images of who or what is to appear; placed whole on white.",
                ),
                io.Mask.Input(
                    "reference_masks",
                    optional=True,
                    tooltip="White = background of the reference images that becomes white, as "
                    "Load Image outputs it: one for all or one per image.",
                ),
                io.Image.Input(
                    "footage",
                    optional=True,
                    tooltip="The frames that image was made from, to be warned of cuts in them: "
                    "VACE blends shots.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="For control_video."),
                io.Mask.Output(display_name="mask", tooltip="For control_masks."),
                KinoVace.Output(display_name="vace", tooltip="One tensor in -1..1 and its mask."),
                io.Int.Output(display_name="width", tooltip="For WanVaceToVideo."),
                io.Int.Output(display_name="height", tooltip="For WanVaceToVideo."),
                io.Int.Output(display_name="length", tooltip="For WanVaceToVideo."),
                io.Image.Output(
                    display_name="reference_image",
                    tooltip="For WanVaceToVideo, which uses the first image; empty if there are no "
                    "reference images.",
                ),
                io.Float.Output(
                    display_name="fps", tooltip="Frame rate of the prepared clip: for Create Video."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        width: int,
        height: int,
        length: int,
        length_mode: str,
        fit: str,
        mask: Tensor | None = None,
        preset: str = "none",
        fps: float = 0.0,
        target_fps: float = 0.0,
        reference_images: Tensor | None = None,
        reference_masks: Tensor | None = None,
        footage: Tensor | None = None,
    ) -> io.NodeOutput:
        from ...engines.vace.normalise import normalise
        from ...engines.vace.report import cuts_warning, report

        ready = normalise(
            image,
            mask,
            width=width,
            height=height,
            length=length,
            length_mode=length_mode,
            fit=fit,
            preset=preset,
            fps=fps,
            target_fps=target_fps,
            references=reference_images,
            reference_masks=reference_masks,
            progress=host.progress(len(image)),
        )
        cuts = _cuts_in(footage, len(image), None)
        warning = cuts_warning(cuts, int(ready.placement.indices.max()))
        shown = Shown(
            report(ready, preset, mask),
            warnings=[warning] if warning else [],
            picture=partial(of_vace, ready),
        )
        return io.NodeOutput(*_outputs(ready, ready.length), ui=shown)
