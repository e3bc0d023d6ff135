"""Get Video Components: a VIDEO's frames, sound and rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...nodes.standin import io
from ...nodes.streaming import Opens, Outputs, Rule, Step, Values
from .video_file import VideoFile

if TYPE_CHECKING:
    from ...engines.video.clip import Clip
    from ...engines.video.part import VideoPart
    from ...engines.video.source import VideoSource


class _Step(Step):
    """Takes apart a video that this graph is making."""

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        video: VideoPart = inputs["video"]
        return video.frames, video.audio, float(video.rate)


def _opened(inputs: Values) -> VideoSource:
    from ...engines.video.clip import Clip
    from ...engines.video.source import VideoSource

    video: VideoFile | Clip = inputs["video"]
    if isinstance(video, Clip):
        return VideoSource(video)
    source = video.source()
    video.warn_of_losses()
    return source


def _known(audio: Any, fps: float, frames: int) -> dict[int, Any]:
    return {1: audio, 2: fps}


class GetVideoComponents(io.ComfyNode):
    """Gives the frames, sound and frame rate of a VIDEO."""

    STREAMING = Rule("source", ("video",), step=_Step, fixed=(1, 2), opens=Opens(_opened, _known))
    ORDER = 20

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
        if isinstance(video, VideoFile):
            video.warn_of_losses()
        clip = video.clip() if isinstance(video, VideoFile) else video
        audio = None
        if clip.audio is not None:
            audio = {"waveform": clip.audio.waveform, "sample_rate": clip.audio.rate}
        return io.NodeOutput(clip.frames, audio, float(clip.rate))
