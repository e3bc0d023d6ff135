"""ComfyUI's core nodes that shared graphs use, for headless runs: same ids, inputs and results."""

import json
import sys
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ...nodes.standin import io, ui
from .files import (
    CreateVideo,
    GetVideoComponents,
    LoadImage,
    LoadVideo,
    SaveImage,
    SaveVideo,
    pixels_of,
)


class PreviewImage(io.ComfyNode):
    """Shows nothing where there is no screen; says what it would have shown."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PreviewImage",
            display_name="Preview Image",
            category="image",
            is_output_node=True,
            inputs=[io.Image.Input("images", tooltip="The images to show.")],
        )

    @classmethod
    def execute(cls, images: Tensor) -> io.NodeOutput:
        frames, height, width = images.shape[:3]
        return io.NodeOutput(ui=ui.PreviewText(f"{frames} images of {width}x{height}"))


class PreviewAny(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="PreviewAny",
            display_name="Preview Any",
            category="utils",
            is_output_node=True,
            inputs=[io.AnyType.Input("source", tooltip="What to show as text.")],
        )

    @classmethod
    def execute(cls, source: Any = None) -> io.NodeOutput:
        if isinstance(source, (str, int, float, bool)):
            return io.NodeOutput(ui=ui.PreviewText(str(source)))
        try:
            return io.NodeOutput(ui=ui.PreviewText(json.dumps(source, indent=4)))
        except (TypeError, ValueError):
            return io.NodeOutput(ui=ui.PreviewText(str(source)))


class ImageScale(io.ComfyNode):
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


def _primitive(node_id: str, name: str, kind: Any, **widget: Any) -> type[io.ComfyNode]:
    class Primitive(io.ComfyNode):
        @classmethod
        def define_schema(cls) -> io.Schema:
            return io.Schema(
                node_id=node_id,
                display_name=name,
                category="utils/primitive",
                inputs=[kind.Input("value", **widget)],
                outputs=[kind.Output()],
            )

        @classmethod
        def execute(cls, value: Any) -> io.NodeOutput:
            return io.NodeOutput(value)

    Primitive.__name__ = Primitive.__qualname__ = node_id
    return Primitive


CORE_NODES: list[type[io.ComfyNode]] = [
    LoadVideo,
    GetVideoComponents,
    CreateVideo,
    SaveVideo,
    LoadImage,
    SaveImage,
    PreviewImage,
    PreviewAny,
    ImageScale,
    _primitive("PrimitiveString", "String", io.String),
    _primitive("PrimitiveStringMultiline", "String (Multiline)", io.String, multiline=True),
    _primitive("PrimitiveInt", "Int", io.Int, min=-sys.maxsize, max=sys.maxsize),
    _primitive("PrimitiveFloat", "Float", io.Float, min=-sys.maxsize, max=sys.maxsize),
    _primitive("PrimitiveBoolean", "Boolean", io.Boolean),
]
