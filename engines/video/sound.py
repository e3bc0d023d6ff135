"""Sound in pieces, from a clip in memory or straight from its file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import torch
from av.error import FFmpegError
from torch import Tensor

from ..errors import MediaError
from ..sequence import state_type
from .clip import Audio
from .open import opened

_SAMPLES = 1 << 16  # a piece of sound that lies in memory


@state_type()
@dataclass(frozen=True)
class FileSound:
    """The first audio stream of a file, which is not read before somebody asks for it."""

    path: Path
    rate: int
    channels: int

    def pieces(self) -> Iterator[Tensor]:
        """Yield the sound in pieces [channels,samples] float32 in -1..1.

        Raises `MediaError` for sound that is damaged, when its place is reached.
        """
        with opened(self.path) as container:
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="fltp", layout=stream.layout)
            try:
                for frame in container.decode(stream):
                    for part in resampler.resample(frame):
                        yield torch.from_numpy(part.to_ndarray())
                for part in resampler.resample(None):
                    yield torch.from_numpy(part.to_ndarray())
            except FFmpegError as error:
                raise MediaError(f"{self.path}: the sound is damaged ({error.strerror})") from error

    def audio(self) -> Audio | None:
        """Read the whole sound into memory; None if the stream holds no samples."""
        pieces = list(self.pieces())
        return Audio(torch.cat(pieces, dim=1)[None], self.rate) if pieces else None

    def read(self) -> dict[str, object] | None:
        """Read the whole sound as ComfyUI's AUDIO."""
        audio = self.audio()
        if audio is None:
            return None
        return {"waveform": audio.waveform, "sample_rate": audio.rate}


def find_sound(path: Path) -> FileSound | None:
    """Return the sound of a video file, or None.

    Raises `MediaError` for a file that is no video.
    """
    with opened(path) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        return FileSound(path, stream.rate, stream.layout.nb_channels)


def pieces_of(sound: Audio | FileSound) -> Iterator[Tensor]:
    """Yield a sound in pieces [channels,samples] float32."""
    if isinstance(sound, FileSound):
        yield from sound.pieces()
    else:
        yield from sound.waveform[0].float().cpu().split(_SAMPLES, dim=1)


def channels_of(sound: Audio | FileSound) -> int:
    """Return how many channels a sound has."""
    return sound.channels if isinstance(sound, FileSound) else sound.waveform.shape[1]
