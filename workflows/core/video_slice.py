"""Trim Video: a part of a VIDEO, by time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError
from ...nodes.standin import io
from ...nodes.streaming import Outputs, Refusal, Rule, Step, Values
from .video_file import VideoFile

if TYPE_CHECKING:
    from torch import Tensor

    from ...engines.video.clip import Clip
    from ...engines.video.part import VideoPart


def _at(seconds: float, rate: Fraction) -> int:
    """Return the first frame that is not before a time."""
    return math.ceil(round(seconds * float(rate), 6))


def _heard(wave: Tensor, rate: int, start: float, duration: float) -> Tensor:
    """Return that part of a sound [1,channels,samples]; to its end if `duration` is 0."""
    first = int(start * rate)
    return wave[..., first : first + int(duration * rate) if duration else None]


def _heard_of(sound: Any, start: float, duration: float) -> dict[str, Any]:
    """Return that part of ComfyUI's AUDIO, or of sound that is still in its file, as AUDIO."""
    from ...engines.video.sound import FileSound

    audio: Any = sound.read() if isinstance(sound, FileSound) else sound
    rate = int(audio["sample_rate"])
    return {"waveform": _heard(audio["waveform"], rate, start, duration), "sample_rate": rate}


class _Step(Step):
    """Passes on the frames in question of a video that this graph is making."""

    def __init__(self, node: Any):
        super().__init__(node)
        self._seen = 0
        self._given = 0
        self._wanted = 0  # frames; 0 = to the end
        self._strict = False
        self._audio: dict[str, Any] | None = None  # read once

    def run(self, inputs: Mapping[str, Any]) -> Outputs | None:
        from ...engines.video.part import VideoPart

        video: VideoPart = inputs["video"]
        start, duration = inputs["start_time"], inputs["duration"]
        if not start and not duration:
            self._seen = self._given = self._seen + len(video.frames)
            return (video,)
        first = _at(start, video.rate)
        last = _at(start + duration, video.rate) if duration else None
        self._wanted, self._strict = (last or first) - first, inputs["strict_duration"]
        part = video.frames[
            max(0, first - self._seen) : None if last is None else max(0, last - self._seen)
        ]
        self._seen += len(video.frames)
        self._given += len(part)
        if not len(part):
            return None
        if self._audio is None and video.audio is not None:
            self._audio = _heard_of(video.audio, start, duration)
        return (VideoPart(part, video.rate, self._audio),)

    def finish(self, inputs: Mapping[str, Any]) -> None:
        _check(self._given, self._wanted if self._strict else 0, inputs["start_time"], self._seen)

    @property
    def state(self) -> list[Any]:
        return [self._seen, self._given, self._wanted, self._strict]

    @state.setter
    def state(self, value: list[Any]) -> None:
        self._seen, self._given, self._wanted, self._strict = value


def _check(found: int, wanted: int, start: float, frames: int) -> None:
    """Raise `InputError` for no frames, or for fewer than wanted."""
    if not found or found < wanted:
        expected = f"{wanted} frames" if wanted else "some"
        raise InputError(
            f"expected {expected} from start_time {start:g} s on, found {found} of the video's "
            f"{frames}; choose an earlier start_time, or a shorter duration"
        )


def _whole(values: Values) -> Refusal | None:
    start = values["start_time"]
    if isinstance(start, int | float) and start >= 0:
        return None
    return Refusal("counts from the end of the video", "choose a start_time of 0 or more")


def _not_live(values: Values) -> Refusal:
    return Refusal("takes a part of the stream", "leave it out")


class VideoSlice(io.ComfyNode):
    """Gives a part of a VIDEO: the frames that are not before its start, and before its end.

    Unlike ComfyUI's, a video that the graph made itself is not encoded for it.
    """

    STREAMING = Rule("stream", ("video",), step=_Step, whole=_whole, not_live=_not_live)

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Video Slice",
            display_name="Trim Video",
            category="video",
            inputs=[
                io.Video.Input("video", tooltip="The video to trim."),
                io.Float.Input("start_time", default=0.0, min=-1e5, max=1e5, step=0.001),
                io.Float.Input("duration", default=0.0, min=0.0, step=0.001),
                io.Boolean.Input("strict_duration", default=False),
            ],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def execute(
        cls, video: VideoFile | Clip, start_time: float, duration: float, strict_duration: bool
    ) -> io.NodeOutput:
        from ...engines.video.clip import Audio, Clip

        if not start_time and not duration:
            return io.NodeOutput(video)
        clip = video.clip() if isinstance(video, VideoFile) else video
        count = len(clip.frames)
        start = start_time if start_time >= 0 else max(count / float(clip.rate) + start_time, 0.0)
        first = _at(start, clip.rate)
        last = _at(start + duration, clip.rate) if duration else count
        frames = clip.frames[first:last]
        _check(len(frames), last - first if strict_duration else 0, start, count)
        sound = clip.audio
        if sound is not None:
            sound = Audio(_heard(sound.waveform, sound.rate, start, duration), sound.rate)
        return io.NodeOutput(Clip(frames, clip.rate, sound))
