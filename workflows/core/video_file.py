"""`VideoFile`: a VIDEO that has not been read yet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engines.video.clip import Clip
from ...engines.video.read import read_video, video_size
from ...nodes.standin import host


@dataclass(frozen=True)
class VideoFile:
    """A VIDEO that is still a file, read when its frames are needed."""

    path: Path

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that the file states."""
        return video_size(self.path)

    def clip(self) -> Clip:
        """Return all frames and the sound, with progress shown by the host."""
        step: Any = None

        def progress(done: int, promised: int) -> None:
            nonlocal step
            if step is None:
                step = host.progress(promised)
            step(1)

        return read_video(self.path, progress=progress)
