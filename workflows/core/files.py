"""ComfyUI's core nodes that load and save files: same ids, inputs and results."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.error import FFmpegError
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from ...engines.errors import MediaError
from ...engines.files import first_there, written_aside
from ...engines.video.clip import Audio, Clip
from ...engines.video.open import opened
from ...engines.video.read import read_video, video_size
from ...engines.video.write import write_video
from ...nodes.standin import host, io, ui
from ...nodes.standin.prefix import filled_in


@dataclass(frozen=True)
class VideoFile:
    """A VIDEO that is still a file; read when somebody needs its frames."""

    path: Path

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that the file states."""
        return video_size(self.path)

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
    if path := first_there(name, folders, Path.is_file):
        return path
    where = ", ".join(str(folder) for folder in folders)
    raise MediaError(f"{name}: there is no such {kind}, neither as a path nor in {where}")


def _state(name: Any, kind: str) -> list[Any] | float:
    """What tells a file from another under the same name; NaN, so always new, where none is."""
    if name is None:
        return float("nan")
    path = _find(str(name), kind).resolve()
    found = path.stat()
    return [str(path), found.st_size, found.st_mtime_ns]


def _exists(name: Any, kind: str) -> bool | str:
    if name is None:
        return True
    try:
        _find(str(name), kind)
    except MediaError as error:
        return str(error)
    return True


class LoadVideo(io.ComfyNode):
    """A file as a VIDEO; its frames are read by who needs them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LoadVideo",
            display_name="Load Video",
            category="image/video",
            inputs=[
                io.Combo.Input(
                    "file",
                    upload=io.UploadType.video,
                    tooltip="A path, or a name in an input folder.",
                )
            ],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def validate_inputs(cls, file: Any = None, **_: Any) -> bool | str:
        return _exists(file, "video")

    @classmethod
    def fingerprint_inputs(cls, file: Any = None, **_: Any) -> list[Any] | float:
        return _state(file, "video")

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        path = _find(file, "video")
        video_size(path)  # a file that is no video is reported by the node that names it
        return io.NodeOutput(VideoFile(path))


class GetVideoComponents(io.ComfyNode):
    """A VIDEO's frames, sound and rate."""

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
    """A VIDEO from frames, a rate and sound."""

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
    """An mp4 that carries the graph; a file whose streams fit is not encoded anew."""

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
        path = host.save_path(filename_prefix, ".mp4", video.size)
        carried = carried_graph(cls.hidden)
        if isinstance(video, VideoFile):
            if _is_copied(video.path, codec):
                _copy(video.path, path, carried)
                return io.NodeOutput(ui=ui.PreviewText(str(path)))
            video = video.clip()
        step = host.progress(len(video.frames))
        write_video(path, video, metadata=carried, progress=step)
        return io.NodeOutput(ui=ui.PreviewText(str(path)))


def _is_copied(path: Path, codec: str) -> bool:
    """ComfyUI's rule, for mp4: what is so coded already is not coded again."""
    with opened(path) as file:
        coded = file.streams.video[0].codec.name
        return "mp4" in file.format.name.split(",") and codec in ("auto", coded)


def carried_graph(hidden: io.HiddenHolder) -> dict[str, str]:
    """What ComfyUI writes into pictures and videos, by its keys: the graph in the API format as
    `prompt` and, where it came from the editor, the editor's form as `workflow`. Dropped on the
    canvas, the file brings the graph back."""
    carried = {**(hidden.extra_pnginfo or {})}
    if hidden.prompt is not None:
        carried["prompt"] = hidden.prompt
    return {key: json.dumps(value) for key, value in carried.items()}


def _copy(source: Path, path: Path, metadata: Mapping[str, str]) -> None:
    """Copy a video's streams as they are; its own metadata stays where ours has no such key."""
    with written_aside(path) as aside:
        if not metadata:
            shutil.copyfile(source, aside)
            return
        try:
            with (
                av.open(str(source)) as given,
                av.open(str(aside), "w", options={"movflags": "use_metadata_tags"}) as made,
            ):
                made.metadata.update({**given.metadata, **metadata})
                streams = {
                    stream.index: made.add_stream_from_template(stream, opaque=True)
                    for stream in given.streams
                    if stream.type in ("video", "audio", "subtitle")
                }
                for packet in given.demux():
                    if packet.stream.index in streams and packet.dts is not None:
                        packet.stream = streams[packet.stream.index]
                        made.mux(packet)
        except FFmpegError as error:
            raise MediaError(f"{source}: cannot be copied ({error.strerror})") from error


class LoadImage(io.ComfyNode):
    """A picture, or each frame of an animation, and its transparency."""

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
        return _exists(image, "image")

    @classmethod
    def fingerprint_inputs(cls, image: Any = None, **_: Any) -> list[Any] | float:
        return _state(image, "image")

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
        images = torch.stack([pixels_of(_rgb(page)) for page in pages])
        return io.NodeOutput(images, torch.stack([_transparency(page) for page in pages]))


def _rgb(page: Image.Image) -> Image.Image:
    if page.mode == "I":
        page = page.point(lambda value: value * (1 / 255))
    return page.convert("RGB")


def pixels_of(page: Image.Image) -> Tensor:
    """A picture of 8 bit as [H,W] or [H,W,C], 0..1."""
    return torch.from_numpy(np.asarray(page, dtype=np.float32) / 255.0)


def _transparency(page: Image.Image) -> Tensor:
    """[H,W], 1 where transparent; ComfyUI's 64x64 zeros for a picture without alpha."""
    if page.mode == "P" and "transparency" in page.info:
        page = page.convert("RGBA")
    if "A" in page.getbands():
        return 1.0 - pixels_of(page.getchannel("A"))
    return torch.zeros(64, 64)


class SaveImage(io.ComfyNode):
    """A PNG for each image, which carries the graph."""

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
        # once for all of them: the next second may come between two
        prefix = filled_in(filename_prefix, (images.shape[1], images.shape[2]))
        carried = PngInfo()
        for key, value in carried_graph(cls.hidden).items():
            carried.add_text(key, value)
        step = host.progress(len(images))
        for image in images:
            path = host.save_path(prefix, ".png")
            pixels = np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)
            with written_aside(path) as aside:
                Image.fromarray(pixels).save(aside, pnginfo=carried, compress_level=4)
            paths.append(str(path))
            step(1)
        return io.NodeOutput(ui=ui.PreviewText("\n".join(paths)))
