"""Load Video Frames: the frames of a video or a folder of pictures, and what goes with them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ..api import host, io
from ..inputs import clip_path, last_change
from ..search import found_by
from ..show import Shown
from ..streaming import Opens, Rule, Values
from ..widgets import open_rate_input
from . import CATEGORY

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.video.clip import Clip
    from ...engines.video.source import VideoSource
    from ...engines.video.timing import ReadOptions


def _options(fps: float, start: float, duration: float, every: int) -> ReadOptions:
    """Return what is read; what the user asks of a whole run overrides the node's values."""
    from ...engines.video.timing import ReadOptions

    asked = host.reading()
    return ReadOptions(
        start=asked.start or start,
        duration=asked.duration or duration,
        every=asked.every if asked.every > 1 else every,
        fps=asked.fps or Fraction(fps).limit_denominator(1001),
    )


def _opened(inputs: Values) -> VideoSource:
    from ...engines.video.source import VideoSource

    values = dict(inputs)
    path = clip_path(values.pop("file"))
    return VideoSource(path, _options(**values), alpha=True)


def _known(audio: Any, fps: float, frames: int) -> dict[int, Any]:
    return {2: audio, 3: fps, 4: frames}


def _outputs(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return the images and, as Load Image does, 1 where they are transparent."""
    if frames.shape[-1] == 4:
        return frames[..., :3], 1 - frames[..., 3]
    return frames, frames.new_zeros(frames.shape[:3])


def _says(source: VideoSource) -> str:
    return Shown(source.words).value


class LoadVideoFrames(io.ComfyNode):
    STREAMING = Rule("source", fixed=(2, 3, 4), opens=Opens(_opened, _known, _outputs, _says))
    ORDER = 5

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KinographLoadVideoFrames",
            display_name="Load Video Frames",
            category=CATEGORY,
            **found_by("video loader, image sequence, frames from video, force rate, vhs"),
            description="Reads the frames of a video or of a folder of pictures: upright, with "
            "square pixels, in SDR and at a constant rate, and says what it changed.",
            inputs=[
                io.String.Input(
                    "file",
                    default="",
                    tooltip="Name of a video in the input folder, of a folder of pictures, or a "
                    "pattern such as frames/f_%03d.png.",
                ),
                open_rate_input(
                    "Frame rate to read at, by time: frames are repeated or left out. Of pictures "
                    "it is their rate. 0: the video's own, for pictures 16."
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=1e6,
                    step=0.01,
                    tooltip="Seconds to skip at the start.",
                ),
                io.Float.Input(
                    "duration",
                    default=0.0,
                    min=0.0,
                    max=1e6,
                    step=0.01,
                    tooltip="Seconds to read. 0: to the end.",
                ),
                io.Int.Input(
                    "every",
                    default=1,
                    min=1,
                    max=1000,
                    step=1,
                    tooltip="Takes every n-th frame, which divides the frame rate by n.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The frames."),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="White where the frames are transparent; black without an alpha "
                    "channel.",
                ),
                io.Audio.Output(
                    display_name="audio",
                    tooltip="The sound of these frames; silence where it starts later.",
                ),
                io.Float.Output(display_name="fps", tooltip="Frames per second."),
                io.Int.Output(display_name="frames", tooltip="Number of frames."),
            ],
        )

    @classmethod
    def validate_inputs(
        cls, file: str | None = None
    ) -> bool | str:  # of others, limits are checked
        try:
            if file is not None:  # None: linked
                clip_path(file)
        except InputError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, file: str = "", **values: Any) -> str:
        return f"{last_change(file)} {host.reading()}"

    @classmethod
    def execute(
        cls, file: str, fps: float, start: float, duration: float, every: int
    ) -> io.NodeOutput:
        from ...engines.video.source import VideoSource

        source = VideoSource(clip_path(file), _options(fps, start, duration, every), alpha=True)
        step: Any = None

        def progress(done: int, promised: int) -> None:
            nonlocal step
            if step is None:
                step = host.progress(promised)
            step(1)

        clip = source.clip(progress)
        shown = Shown(source.words, picture=lambda: clip.frames[:1])
        return io.NodeOutput(
            clip.frames, _mask(clip), _audio(clip), float(clip.rate), len(clip.frames), ui=shown
        )


def _mask(clip: Clip) -> Tensor:
    if clip.alpha is not None:
        return 1 - clip.alpha
    return clip.frames.new_zeros(clip.frames.shape[:3])


def _audio(clip: Clip) -> dict[str, Any] | None:
    if clip.audio is None:
        return None
    return {"waveform": clip.audio.waveform, "sample_rate": clip.audio.rate}
