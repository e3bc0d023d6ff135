"""Load Video: a file as a VIDEO."""

from typing import Any

from ...nodes.standin import host, io, ui
from ...nodes.streaming import ONCE
from .input_files import clip_exists, clip_fingerprint, find_clip
from .video_file import VideoFile


class LoadVideo(io.ComfyNode):
    """Gives a file as a VIDEO, whose frames are read when they are needed."""

    STREAMING = ONCE
    ORDER = 10

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
        return clip_exists(file)

    @classmethod
    def fingerprint_inputs(cls, file: Any = None, **_: Any) -> list[Any] | float:
        return clip_fingerprint(file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        path = find_clip(file)
        video = VideoFile(path, host.settings.get().reading)
        said = video.source().words  # so that this node reports a file that is not a video
        return io.NodeOutput(video, ui=ui.PreviewText(said))
