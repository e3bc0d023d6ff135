"""Upscale Images: frames at a larger size, by a network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.upscale.choices import LARGEST_SCALE
from ...engines.words import counted
from .. import advanced
from ..api import host, io
from ..previews import of_images
from ..search import found_by
from ..show import Shown
from ..streaming import Rule, Step
from ..types import KinoEngine
from ..widgets import side_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.runtime.engine import Engine

_SETTINGS = (
    "scale",
    "width",
    "height",
    "tile",
    "overlap",
    "strength",
    "colour_lock",
    "eight_bit",
)


class _Step(Step):
    """Gives the network whole batches of frames."""

    def takes(self, seen: int, count: int, inputs: Mapping[str, Any]) -> int:
        from ...engines.upscale.upscale import Upscaler

        settings = {name: inputs[name] for name in _SETTINGS}
        image: Tensor = inputs["image"]
        upscaler = Upscaler(inputs["engine"], **settings)
        together = upscaler.frames_at_once((image.shape[1], image.shape[2]))
        return count // together * together


class UpscaleImages(io.ComfyNode):
    STREAMING = Rule(
        "frames", ("image",), step=_Step, draws=True, anywhere=("image",), on_cpu=True, chunk=8
    )
    ORDER = 420

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographUpscaleImages",
            display_name="Upscale Images",
            category=CATEGORY,
            **found_by("upscale image using model, super resolution, enlarge, 4x, tiled upscale"),
            description="Makes frames larger with a network: whole or in tiles, in batches, to "
            "any size.",
            inputs=[
                io.Image.Input("image", tooltip="Frames of any size: grey, RGB, or with alpha."),
                KinoEngine.Input("engine", tooltip="From Build Engine, with an upscaling model."),
                io.Float.Input(
                    "scale",
                    default=0.0,
                    min=0.0,
                    max=LARGEST_SCALE,
                    step=0.05,
                    tooltip="The result is this many times as wide and high; another scale than "
                    "the network's is resized from it. 0: the network's own, or what width and "
                    "height give.",
                ),
                side_input("width", "Width of the result in pixels. 0: follows from the others."),
                side_input("height", "Height of the result in pixels. 0: follows from the others."),
                advanced.Int.Input(
                    "tile",
                    default=0,
                    min=0,
                    max=4096,
                    step=8,
                    tooltip="Longer side of what the network gets at once, in pixels of the "
                    "frames; smaller needs less memory. 0: whole frames if the engine takes them "
                    "(max_size in Build Engine), otherwise tiles of 512.",
                ),
                advanced.Int.Input(
                    "overlap",
                    default=0,
                    min=0,
                    max=512,
                    step=1,
                    tooltip="How many pixels a tile sees beyond the part that it gives. 0: 18 for "
                    "realesr_animevideov3_x4, with which tiles equal the whole frame exactly; 32 "
                    "for deep networks, whose tiles are blended.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Share of the network in the result; the rest is bicubic. Lower it "
                    "where faces look painted.",
                ),
                advanced.Boolean.Input(
                    "colour_lock",
                    default=True,
                    tooltip="Keeps the colours of the frames: networks shift them, and some "
                    "flicker in videos. Only what is coarser than about 25 pixels is changed.",
                ),
                advanced.Boolean.Input(
                    "eight_bit",
                    default=False,
                    tooltip="Rounds the result to 8 bits on the GPU, as in videos and most picture "
                    "files, so that a quarter of the data has to leave it.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="image", tooltip="The frames at the new size, alpha included."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        engine: Engine,
        scale: float,
        width: int,
        height: int,
        tile: int,
        overlap: int,
        strength: float,
        colour_lock: bool,
        eight_bit: bool,
    ) -> io.NodeOutput:
        from ...engines.upscale.upscale import Upscaler

        upscaler = Upscaler(
            engine,
            scale=scale,
            width=width,
            height=height,
            tile=tile,
            overlap=overlap,
            strength=strength,
            colour_lock=colour_lock,
            eight_bit=eight_bit,
        )
        host.ready(engine)
        found = upscaler.update(image, host.progress(len(image)))
        source = (image.shape[1], image.shape[2])
        frames = counted(len(image), "frame")
        text = (
            f"{frames} of {source[1]}x{source[0]} to {found.shape[2]}x{found.shape[1]} by "
            f"{engine.model.name}, {upscaler.described(source)}"
        )
        if upscaler.traits.note:
            text += f"\n{upscaler.traits.note}"
        shown = Shown(text, warnings=upscaler.notes, picture=partial(of_images, found[..., :3]))
        return io.NodeOutput(found.to(host.image_device()), ui=shown)
