"""`VideoFile`: a VIDEO that has not been read yet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engines.video.clip import Clip
from ...engines.video.read import VideoInfo, read_video, video_info, video_size
from ...engines.video.source import VideoSource
from ...engines.video.timing import WHOLE, ReadOptions
from ...nodes.standin import host


@dataclass(frozen=True)
class VideoFile:
    """A VIDEO that is still a file or a folder of pictures, read when its frames are needed.

    options: which part is read, and at which rate
    """

    path: Path
    options: ReadOptions = WHOLE

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its frames."""
        return video_size(self.path)

    @property
    def info(self) -> VideoInfo:
        """What reading it gives."""
        return video_info(self.path, self.options)

    def source(self) -> VideoSource:
        """Return what frames are taken from, a few at a time."""
        return VideoSource(self.path, self.options)

    def warn_of_losses(self) -> None:
        """Warn of an alpha channel, which the frames of a VIDEO do not have."""
        if self.info.has_alpha:
            host.warn(
                f"{self.path.name}: its alpha channel is left out; Load Video Frames gives it as a "
                "mask"
            )

    def clip(self) -> Clip:
        """Return all frames and the sound, with progress shown by the host."""
        step: Any = None

        def progress(done: int, promised: int) -> None:
            nonlocal step
            if step is None:
                step = host.progress(promised)
            step(1)

        return read_video(self.path, self.options, progress=progress)
