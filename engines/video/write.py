"""Frames to video files."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import torch
from av.error import FFmpegError

from ..errors import MediaError
from ..files import written_aside
from .clip import Clip

_AT_ONCE = 16  # frames turned to bytes together


def write_video(
    path: Path,
    clip: Clip,
    *,
    metadata: Mapping[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write an mp4: H.264, 4:2:0, at the encoder's default quality; sound as AAC.

    As ComfyUI's Save Video does: the same encoder settings, pixels cut (not rounded) to 8 bit,
    the rate rounded to thousandths. The file appears when it is complete.

    progress: called with the number of frames encoded since the last call

    Raises `MediaError` for sides that H.264 cannot hold, no frames, or a folder that cannot be
    written.
    """
    frames, height, width = clip.frames.shape[:3]
    if frames == 0:
        raise MediaError(f"{path}: no frames to write")
    if height % 2 or width % 2:
        raise MediaError(
            f"{path}: H.264 needs even sides, found {width}x{height}; "
            f"scale the images to {width + width % 2}x{height + height % 2} first"
        )
    rate = Fraction(round(clip.rate * 1000), 1000)
    try:
        with (
            written_aside(path) as aside,
            av.open(str(aside), "w", options={"movflags": "use_metadata_tags"}) as container,
        ):
            for key, value in (metadata or {}).items():
                container.metadata[key] = value
            stream = container.add_stream("h264", rate=rate)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            sound = None
            if clip.audio is not None:
                layout = "mono" if clip.audio.waveform.shape[1] == 1 else "stereo"
                sound = container.add_stream("aac", rate=clip.audio.rate, layout=layout)
            for chunk in clip.frames.split(_AT_ONCE):
                pixels = (chunk * 255).clamp(0, 255).to("cpu", torch.uint8).numpy()
                for picture in pixels:
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                    container.mux(stream.encode(frame.reformat(format="yuv420p")))
                if progress is not None:
                    progress(len(pixels))
            container.mux(stream.encode(None))
            if clip.audio is not None and sound is not None:
                # no longer than the picture
                samples = math.ceil(clip.audio.rate / rate * frames)
                wave = clip.audio.waveform[0, :2, :samples].float().cpu()
                packed = wave.T.reshape(1, -1).contiguous().numpy()
                piece = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
                piece.sample_rate, piece.pts = clip.audio.rate, 0
                container.mux(sound.encode(piece))
                container.mux(sound.encode(None))
    except FFmpegError as error:
        raise MediaError(f"{path}: cannot be encoded ({error.strerror})") from error
