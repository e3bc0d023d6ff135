"""Upscale Image: scales images, as ComfyUI does."""

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ...nodes.standin import io
from ...nodes.streaming import Rule
from .pixels import pixels_of


class ImageScale(io.ComfyNode):
    STREAMING = Rule("frames", ("image",))
    ORDER = 90

    _METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ImageScale",
            display_name="Upscale Image",
            category="image/upscaling",
            inputs=[
                io.Image.Input("image", tooltip="The images to scale."),
                io.Combo.Input("upscale_method", options=cls._METHODS),
                io.Int.Input("width", default=512, min=0, max=16384, step=1),
                io.Int.Input("height", default=512, min=0, max=16384, step=1),
                io.Combo.Input("crop", options=["disabled", "center"]),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls, image: Tensor, upscale_method: str, width: int, height: int, crop: str
    ) -> io.NodeOutput:
        tall, wide = image.shape[1:3]
        if not width and not height:
            return io.NodeOutput(image)
        width = width or max(1, round(wide * height / tall))
        height = height or max(1, round(tall * width / wide))
        if crop == "center":
            left = top = 0
            if wide / tall > width / height:
                left = round((wide - wide * ((width / height) / (wide / tall))) / 2)
            elif wide / tall < width / height:
                top = round((tall - tall * ((wide / tall) / (width / height))) / 2)
            image = image[:, top : tall - top, left : wide - left]
        if upscale_method == "lanczos":
            return io.NodeOutput(_lanczos(image, width, height))
        scaled = F.interpolate(image.movedim(-1, 1), size=(height, width), mode=upscale_method)
        return io.NodeOutput(scaled.movedim(1, -1))


def _lanczos(images: Tensor, width: int, height: int) -> Tensor:
    pixels = (255.0 * images).clamp(0, 255).to("cpu", torch.uint8).numpy()
    pages = [
        Image.fromarray(page).resize((width, height), Image.Resampling.LANCZOS) for page in pixels
    ]
    return torch.stack([pixels_of(page) for page in pages])
