"""Stitch Images: two images side by side or one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .scaling import check_room, resized

if TYPE_CHECKING:
    from torch import Tensor

_COLOURS = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}


class ImageStitch(io.ComfyNode):
    """Puts a second image beside the first."""

    STREAMING = Rule("frames", ("image1", "image2"), one=("image1", "image2"))

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageStitch",
            display_name="Stitch Images",
            category="image/transform",
            inputs=[
                io.Image.Input("image1", tooltip="The image that keeps its size."),
                io.Combo.Input(
                    "direction", options=("right", "down", "left", "up"), default="right"
                ),
                io.Boolean.Input("match_image_size", default=True),
                io.Int.Input("spacing_width", default=0, min=0, max=1024, step=2),
                io.Combo.Input("spacing_color", options=tuple(_COLOURS), default="white"),
                io.Image.Input("image2", optional=True, tooltip="The image to put beside it."),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls,
        image1: Tensor,
        direction: str,
        match_image_size: bool,
        spacing_width: int,
        spacing_color: str,
        image2: Tensor | None = None,
    ) -> io.NodeOutput:
        import torch
        import torch.nn.functional as F

        if image2 is None:
            return io.NodeOutput(image1)
        frames = max(len(image1), len(image2))
        one, other = (_held(images, frames) for images in (image1, image2))
        along = 2 if direction in ("left", "right") else 1
        across = 3 - along
        if match_image_size:
            other = _matched(other, one, across)
        else:
            # in ComfyUI only white and black are taken for these borders
            border = float(spacing_color == "white")
            side = max(one.shape[across], other.shape[across])
            one, other = (_centred(images, across, side, border) for images in (one, other))
        channels = max(one.shape[-1], other.shape[-1])
        one, other = (F.pad(i, (0, channels - i.shape[-1]), value=1.0) for i in (one, other))
        parts = [other, one] if direction in ("left", "up") else [one, other]
        width = spacing_width + spacing_width % 2
        if width:
            parts.insert(1, _spacing(one, along, width, _COLOURS[spacing_color]))
        sides = [list(part.shape) for part in parts]
        length = sum(part[along] for part in sides)
        size = (length, sides[0][across]) if along == 1 else (sides[0][across], length)
        check_room(frames, *size, channels)
        return io.NodeOutput(torch.cat(parts, dim=along))


def _held(images: Tensor, count: int) -> Tensor:
    """Return `count` frames, the last one again where there are fewer."""
    import torch

    if len(images) == count:
        return images
    return torch.cat([images, images[-1:].expand(count - len(images), -1, -1, -1)])


def _matched(images: Tensor, to: Tensor, across: int) -> Tensor:
    """Scale images to the other images' side `across`."""
    tall, wide = images.shape[1:3]
    height, width = to.shape[1:3]
    if across == 1:
        width = int(height * (wide / tall))
    else:
        height = int(width / (wide / tall))
    return resized(images, width, height, "lanczos")


def _centred(images: Tensor, across: int, side: int, value: float) -> Tensor:
    """Pad images on both sides of the dimension `across`."""
    import torch.nn.functional as F

    missing = side - images.shape[across]
    before = missing // 2
    pads = [0, 0] * (3 - across) + [before, missing - before]
    return F.pad(images, pads, value=value)


def _spacing(images: Tensor, along: int, width: int, colour: tuple[float, ...]) -> Tensor:
    import torch

    shape = list(images.shape)
    shape[along] = width
    channels = images.shape[-1]
    tint = torch.tensor([*colour, 1.0])[:channels].to(images)
    return tint.expand(shape)
