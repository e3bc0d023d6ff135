"""Sound in pieces, from a clip in memory or straight from its file."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import torch
from av.container import InputContainer
from av.error import FFmpegError
from torch import Tensor

from ..errors import MediaError
from ..sequence import state_type
from .clip import Audio
from .open import opened

_SAMPLES = 1 << 16  # a piece of sound that lies in memory
_GAP = 0.05  # s: shorter gaps between frames of sound are rounding of their times
_WORTH_SAYING = 0.1  # s


@state_type()
@dataclass(frozen=True)
class FileSound:
    """The first audio stream of a file that can be decoded, which is read only on demand.

    rate:     samples per second
    begin:    time in the file that the sound begins at: that of the first picture, s; silence is
              put before sound that starts later, what comes earlier is left out
    length:   most samples, as long as the pictures last; None = all
    remarks:  what that changes, in words
    """

    path: Path
    rate: int
    channels: int
    begin: Fraction = Fraction(0)
    length: int | None = None
    remarks: tuple[str, ...] = ()

    def pieces(self) -> Iterator[Tensor]:
        """Yield [channels,samples] float32 in -1..1, one after the other.

        Raises `MediaError` for sound that is damaged, when its place is reached.
        """
        left = self.length
        for piece in self._placed():
            if left is not None:
                piece = piece[:, :left]
                left -= piece.shape[1]
            if piece.shape[1]:
                yield piece
            if left == 0:
                return

    def _placed(self) -> Iterator[Tensor]:
        """Yield the samples from `begin` on, with silence where the file has none."""
        at: int | None = None  # the sample that comes next, counted from `begin`
        for seconds, piece in self._decoded():
            if at is None:
                at = 0 if seconds is None else round((seconds - self.begin) * self.rate)
                if at > 0:
                    yield self._silence(len(piece), at)
            elif seconds is not None:
                gap = round((seconds - self.begin) * self.rate) - at
                if gap > _GAP * self.rate:
                    if at + gap > 0:
                        yield self._silence(len(piece), min(gap, at + gap))
                    at += gap
            skipped = min(max(0, -at), piece.shape[1])
            at += piece.shape[1]
            yield piece[:, skipped:]

    def _silence(self, channels: int, samples: int) -> Tensor:
        """Return [channels,samples] of silence, at most what is used: a file may state any time."""
        return torch.zeros(channels, samples if self.length is None else min(samples, self.length))

    def _decoded(self) -> Iterator[tuple[Fraction | None, Tensor]]:
        """Yield the time of each piece in the file, and the piece."""
        with opened(self.path) as container:
            stream = _stream_of(container)
            assert stream is not None  # `find_sound` has looked
            resampler = av.AudioResampler(format="fltp", layout=stream.layout)
            try:
                for frame in container.decode(stream):
                    seconds = None
                    if frame.pts is not None and frame.time_base is not None:
                        seconds = frame.pts * Fraction(frame.time_base)
                    for part in resampler.resample(frame):
                        yield seconds, torch.from_numpy(part.to_ndarray())
                for part in resampler.resample(None):
                    yield None, torch.from_numpy(part.to_ndarray())
            except FFmpegError as error:
                raise MediaError(f"{self.path}: the sound is damaged ({error.strerror})") from error

    def audio(self) -> Audio | None:
        """Return all of it in memory; None if the stream holds no samples."""
        pieces = list(self.pieces())
        return Audio(torch.cat(pieces, dim=1)[None], self.rate) if pieces else None

    def read(self) -> dict[str, object] | None:
        """Return all of it as ComfyUI's AUDIO."""
        audio = self.audio()
        if audio is None:
            return None
        return {"waveform": audio.waveform, "sample_rate": audio.rate}


def find_sound(
    path: Path,
    begin: Fraction = Fraction(0),
    seconds: Fraction | None = None,
    *,
    is_part: bool = False,
) -> FileSound | None:
    """Return the sound of a video file from `begin` on, for `seconds`, or None.

    begin:   time in the file, s
    seconds: None = to its end
    is_part: whether the user asked for a part, so that leaving out the rest needs no remark

    Raises `MediaError` for a file that is not a video.
    """
    with opened(path) as container:
        stream = _stream_of(container)
        if stream is None:
            return None
        rate = stream.rate
        length = None if seconds is None else round(seconds * rate)
        remarks = () if is_part else _remarks(stream, begin, seconds)
        return FileSound(path, rate, stream.layout.nb_channels, begin, length, remarks)


def _stream_of(container: InputContainer) -> av.AudioStream | None:
    """Return the first audio stream that there is a decoder for."""
    for stream in container.streams.audio:
        context: Any = stream.codec_context  # None without a decoder
        if context is not None and stream.rate > 0 and stream.layout.nb_channels > 0:
            return stream
    return None


def _remarks(stream: av.AudioStream, begin: Fraction, seconds: Fraction | None) -> tuple[str, ...]:
    """Return what placing the sound changes, as far as the stream states its times."""
    if stream.start_time is None or stream.time_base is None:
        return ()
    said = []
    start = float(stream.start_time * Fraction(stream.time_base) - begin)
    if start > _WORTH_SAYING:
        said.append(f"its sound starts {start:.2f} s after the picture; silence is put before it")
    elif start < -_WORTH_SAYING:
        said.append(f"its sound starts {-start:.2f} s before the picture; that is left out")
    stands = _stated_seconds(stream)
    if stands and seconds is not None:
        more = start + stands - float(seconds)
        if more > _WORTH_SAYING:
            said.append(f"its sound ends {more:.2f} s after the picture; that is left out")
    return tuple(said)


def _stated_seconds(stream: av.AudioStream) -> float:
    """Return how long a stream says it is; Matroska keeps that in a tag. 0 = it does not say."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * Fraction(stream.time_base))
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = map(float, parts)
    except ValueError:
        return 0.0
    return 3600 * hours + 60 * minutes + seconds


def pieces_of(sound: Audio | FileSound) -> Iterator[Tensor]:
    """Yield [channels,samples] float32, one after the other."""
    if isinstance(sound, FileSound):
        yield from sound.pieces()
    else:
        yield from sound.waveform[0].float().cpu().split(_SAMPLES, dim=1)


def channels_of(sound: Audio | FileSound) -> int:
    """Return how many channels a sound has."""
    return sound.channels if isinstance(sound, FileSound) else sound.waveform.shape[1]
