"""Load Image: a picture, or each frame of an animation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...nodes.standin import io
from ...nodes.streaming import ONCE
from .input_files import exists, find, fingerprint
from .pixels import pixels_of

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor


class LoadImage(io.ComfyNode):
    """Gives a picture, or all frames of an animation, and the transparency."""

    STREAMING = ONCE
    ORDER = 50

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadImage",
            display_name="Load Image",
            category="image",
            inputs=[
                io.Combo.Input(
                    "image",
                    upload=io.UploadType.image,
                    tooltip="A path, or a name in an input folder.",
                )
            ],
            outputs=[io.Image.Output(), io.Mask.Output()],
        )

    @classmethod
    def validate_inputs(cls, image: Any = None, **_: Any) -> bool | str:
        return exists(image, "image")

    @classmethod
    def fingerprint_inputs(cls, image: Any = None, **_: Any) -> list[Any] | float:
        return fingerprint(image, "image")

    @classmethod
    def execute(cls, image: str) -> io.NodeOutput:
        import torch
        from PIL import ImageOps, ImageSequence

        from ...engines.video.picture import opened_picture

        path = find(image, "image")
        with opened_picture(path, every_frame=True) as file:
            several = file.format != "MPO"  # the second picture of an MPO is not a frame
            pages = [ImageOps.exif_transpose(page.copy()) for page in ImageSequence.Iterator(file)]
        pages = [page for page in pages if page.size == pages[0].size]
        if not several:
            pages = pages[:1]
        images = torch.stack([pixels_of(_rgb(page)) for page in pages])
        return io.NodeOutput(images, torch.stack([_transparency(page) for page in pages]))


def _rgb(page: Image.Image) -> Image.Image:
    if page.mode == "I":
        page = page.point(lambda value: value * (1 / 255))
    return page.convert("RGB")


def _transparency(page: Image.Image) -> Tensor:
    """Return the transparency [H,W], 1 = transparent; like ComfyUI, 64x64 zeros without alpha."""
    import torch

    if page.mode == "P" and "transparency" in page.info:
        page = page.convert("RGBA")
    if "A" in page.getbands():
        return 1.0 - pixels_of(page.getchannel("A"))
    return torch.zeros(64, 64)
