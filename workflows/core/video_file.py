"""`VideoFile`: a VIDEO that has not been read yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.video.timing import WHOLE, ReadOptions
from ...nodes.standin import host

if TYPE_CHECKING:
    from ...engines.video.clip import Clip
    from ...engines.video.read import VideoInfo
    from ...engines.video.source import VideoSource


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
        from ...engines.video.read import video_size

        return video_size(self.path)

    @property
    def info(self) -> VideoInfo:
        """What reading it gives."""
        from ...engines.video.read import video_info

        return video_info(self.path, self.options)

    def source(self) -> VideoSource:
        """Return what frames are taken from, a few at a time."""
        from ...engines.video.source import VideoSource

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
        from ...engines.video.read import read_video

        step: Any = None

        def progress(done: int, promised: int) -> None:
            nonlocal step
            if step is None:
                step = host.progress(promised)
            step(1)

        return read_video(self.path, self.options, progress=progress)
