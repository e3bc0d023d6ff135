"""ComfyUI's core nodes that shared graphs use, for headless runs: same ids, inputs and results."""

import json
import shutil
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from torch import Tensor

from ..engines.errors import MediaError
from ..engines.files import written_aside
from ..engines.video.clip import Audio, Clip
from ..engines.video.read import read_video, video_size
from ..engines.video.write import write_video
from ..nodes.standin import host, io, ui


@dataclass(frozen=True)
class VideoFile:
    """A VIDEO that is still a file; read when somebody needs its frames."""

    path: Path

    def clip(self) -> Clip:
        step: Any = None

        def progress(done: int, promised: int) -> None:
            nonlocal step
            if step is None:
                step = host.progress(promised)
            step(1)

        return read_video(self.path, progress=progress)


def _find(name: str, kind: str) -> Path:
    """A file by its path, or by its name in one of the input folders."""
    folders = host.settings.get().inputs
    for path in (Path(name), *(folder / name for folder in folders)):
        if path.is_file():
            return path
    where = ", ".join(str(folder) for folder in folders)
    raise MediaError(f"{name}: there is no such {kind}, neither as a path nor in {where}")


def _exists(name: Any, kind: str) -> bool | str:
    if name is None:
        return True
    try:
        _find(str(name), kind)
    except MediaError as error:
        return str(error)
    return True


class LoadVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadVideo",
            display_name="Load Video",
            category="image/video",
            inputs=[io.Combo.Input("file", tooltip="A path, or a name in an input folder.")],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def validate_inputs(cls, file: Any = None, **_: Any) -> bool | str:
        return _exists(file, "video")

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        path = _find(file, "video")
        video_size(path)  # a file that is no video is reported by the node that names it
        return io.NodeOutput(VideoFile(path))


class GetVideoComponents(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="GetVideoComponents",
            display_name="Get Video Components",
            category="image/video",
            inputs=[io.Video.Input("video", tooltip="The video to take apart.")],
            outputs=[
                io.Image.Output(display_name="images"),
                io.Audio.Output(display_name="audio"),
                io.Float.Output(display_name="fps"),
            ],
        )

    @classmethod
    def execute(cls, video: VideoFile | Clip) -> io.NodeOutput:
        clip = video.clip() if isinstance(video, VideoFile) else video
        audio = None
        if clip.audio is not None:
            audio = {"waveform": clip.audio.waveform, "sample_rate": clip.audio.rate}
        return io.NodeOutput(clip.frames, audio, float(clip.rate))


class CreateVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CreateVideo",
            display_name="Create Video",
            category="image/video",
            inputs=[
                io.Image.Input("images", tooltip="The frames."),
                io.Float.Input("fps", default=30.0, min=1.0, max=120.0, step=1.0),
                io.Audio.Input("audio", optional=True, tooltip="The sound."),
            ],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def execute(
        cls, images: Tensor, fps: float, audio: dict[str, Any] | None = None
    ) -> io.NodeOutput:
        sound = Audio(audio["waveform"], int(audio["sample_rate"])) if audio else None
        return io.NodeOutput(Clip(images[..., :3], Fraction(fps), sound))


class SaveVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveVideo",
            display_name="Save Video",
            category="image/video",
            is_output_node=True,
            inputs=[
                io.Video.Input("video", tooltip="The video to save."),
                io.String.Input("filename_prefix", default="video/ComfyUI"),
                io.Combo.Input("format", options=["auto", "mp4"], default="auto"),
                io.Combo.Input("codec", options=["auto", "h264"], default="auto"),
            ],
        )

    @classmethod
    def execute(
        cls, video: VideoFile | Clip, filename_prefix: str, format: str, codec: str
    ) -> io.NodeOutput:
        path = host.save_path(filename_prefix, ".mp4")
        if isinstance(video, VideoFile):
            if video.path.suffix.lower() == ".mp4" and codec == "auto":
                with written_aside(path) as aside:
                    shutil.copyfile(video.path, aside)
                return io.NodeOutput(ui=ui.PreviewText(str(path)))
            video = video.clip()
        write_video(path, video, progress=host.progress(len(video.frames)))
        return io.NodeOutput(ui=ui.PreviewText(str(path)))


class LoadImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadImage",
            display_name="Load Image",
            category="image",
            inputs=[io.Combo.Input("image", tooltip="A path, or a name in an input folder.")],
            outputs=[io.Image.Output(), io.Mask.Output()],
        )

    @classmethod
    def validate_inputs(cls, image: Any = None, **_: Any) -> bool | str:
        return _exists(image, "image")

    @classmethod
    def execute(cls, image: str) -> io.NodeOutput:
        path = _find(image, "image")
        try:
            with Image.open(path) as file:
                several = file.format != "MPO"  # the second picture of an MPO is not a frame
                pages = [
                    ImageOps.exif_transpose(page.copy()) for page in ImageSequence.Iterator(file)
                ]
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise MediaError(f"{path}: is not an image, or is damaged ({error})") from error
        pages = [page for page in pages if page.size == pages[0].size]
        if not several:
            pages = pages[:1]
        images = torch.stack([_pixels(_rgb(page)) for page in pages])
        return io.NodeOutput(images, torch.stack([_transparency(page) for page in pages]))


def _rgb(page: Image.Image) -> Image.Image:
    if page.mode == "I":
        page = page.point(lambda value: value * (1 / 255))
    return page.convert("RGB")


def _pixels(page: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(page, dtype=np.float32) / 255.0)


def _transparency(page: Image.Image) -> Tensor:
    """[H,W], 1 where transparent; ComfyUI's 64x64 zeros for a picture without alpha."""
    if page.mode == "P" and "transparency" in page.info:
        page = page.convert("RGBA")
    if "A" in page.getbands():
        return 1.0 - _pixels(page.getchannel("A"))
    return torch.zeros(64, 64)


class SaveImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveImage",
            display_name="Save Image",
            category="image",
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="The images to save."),
                io.String.Input("filename_prefix", default="ComfyUI"),
            ],
        )

    @classmethod
    def execute(cls, images: Tensor, filename_prefix: str) -> io.NodeOutput:
        paths = []
        step = host.progress(len(images))
        for image in images:
            path = host.save_path(filename_prefix, ".png")
            pixels = np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)
            with written_aside(path) as aside:
                Image.fromarray(pixels).save(aside, compress_level=4)
            paths.append(str(path))
            step(1)
        return io.NodeOutput(ui=ui.PreviewText("\n".join(paths)))


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
    return torch.stack([_pixels(page) for page in pages])


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
