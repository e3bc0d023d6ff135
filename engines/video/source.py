"""`VideoSource`: frames taken from a video a few at a time, whether it is a file or in memory."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from .clip import Clip
from .read import FrameReader, read_some, read_video, sound_of, video_info
from .timing import WHOLE, ReadOptions


class VideoSource:
    """A video that frames are taken from: a file, a folder of pictures, or a clip in memory.

    frame_count: frames that the file states; 0 = unknown
    rate:        frames per second
    size:        height and width
    audio:       the sound: still in its file, as ComfyUI's AUDIO, or None
    remarks:     what reading does to the pictures, in words
    """

    def __init__(self, video: Path | Clip, options: ReadOptions = WHOLE, *, alpha: bool = False):
        self._video = video
        self._options = options
        self._reader: FrameReader | None = None
        self._at = 0
        self.remarks: tuple[str, ...] = ()
        self._alpha = False
        if isinstance(video, Path):
            info = video_info(video, options)
            self.frame_count, self.rate, self.remarks = info.frame_count, info.rate, info.remarks
            self.size = info.size
            self._alpha = alpha and info.has_alpha
            self.audio: Any = sound_of(video, options)
        else:
            self.frame_count, self.rate = len(video.frames), Fraction(video.rate)
            self.size = video.size
            self.audio = video.audio and {
                "waveform": video.audio.waveform,
                "sample_rate": video.audio.rate,
            }

    @property
    def words(self) -> str:
        """What is read, a line for each remark."""
        tall, wide = self.size
        frames = f"{self.frame_count} frames" if self.frame_count else "frames"
        text = f"{frames} of {wide}x{tall} at {float(self.rate):.4g} fps"
        return "\n".join([text, *self.remarks])

    def begin(self, skip: int = 0) -> None:
        """Start at the frame `skip`."""
        self.close()
        self._at = skip
        if isinstance(self._video, Path):
            self._reader = FrameReader(self._video, self._options, skip=skip, alpha=self._alpha)

    def take(self, count: int) -> Tensor | None:
        """Return at most `count` of the next frames [F,H,W,3], or with alpha [F,H,W,4]; None after
        the last."""
        if self._reader is not None:
            return self._reader.take(count)
        assert isinstance(self._video, Clip)
        chunk = self._video.frames[self._at : self._at + count]
        self._at += len(chunk)
        return chunk if len(chunk) else None

    def some(self, indices: list[int]) -> tuple[Tensor, int]:
        """Return the frames [N,H,W,3] at those `indices` that exist, and the number of frames."""
        if isinstance(self._video, Path):
            return read_some(self._video, indices, self._options)
        there = [index for index in indices if index < self.frame_count]
        return self._video.frames[there], self.frame_count

    def clip(self, progress: Callable[[int, int], None] | None = None) -> Clip:
        """Return all frames and the sound; see `read_video`."""
        if isinstance(self._video, Clip):
            return self._video
        return read_video(self._video, self._options, progress=progress, alpha=self._alpha)

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
