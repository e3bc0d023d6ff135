"""Save Video: an mp4 that carries the graph."""

import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from ...engines.errors import GraphError, MediaError
from ...engines.files import atomic_write, sync_file
from ...engines.video.clip import Audio, Clip
from ...engines.video.open import opened
from ...engines.video.part import VideoPart
from ...engines.video.segments import (
    SEGMENT,
    Planes,
    as_encoded,
    checked_size,
    join_segments,
    planes_of,
    to_bytes,
    write_segment,
)
from ...engines.video.sound import FileSound
from ...engines.video.write import write_video
from ...nodes.standin import host, io, ui
from ...nodes.streaming import Rule, Saves, Sink, Values
from ...nodes.streaming.growing import Growing
from ...nodes.streaming.states import load_state, save_state
from .carried import carried_graph
from .video_file import VideoFile


class VideoSink(Sink):
    """An mp4, encoded in segments: an encoder cannot be interrupted and resumed.

    Until a segment is complete its frames are kept in a file, in the pixel format of the encoder.
    """

    def __init__(self, path: Path, format: str = "", carried: Mapping[str, str] | None = None):
        super().__init__(path, format, carried)
        self._spool: Growing | None = None
        self._size: tuple[int, int] = (0, 0)
        self._rate = ""
        self._sizes: list[int] = []  # bytes of each segment

    @property
    def _about(self) -> Path:
        return self.parts / "sound.state"

    def write(self, values: Values) -> None:
        video: VideoPart = values["video"]
        height, width = video.frames.shape[1:3]
        if not self.frame_count:
            checked_size(self.path, height, width)
            self._size = (height, width)
            self._rate = str(as_encoded(video.rate))
            save_state(video.audio, self._about)
            sync_file(self._about)
        for planes in planes_of(to_bytes(video.frames)):
            self._spooled().append(planes.tobytes())
            self.frame_count += 1
            if self.frame_count % SEGMENT == 0:
                self._encode()

    def _spooled(self) -> Growing:
        if self._spool is None:
            self._spool = Growing(self._spool_path(len(self._sizes)))
        return self._spool

    def _spool_path(self, segment: int) -> Path:
        return self.parts / f"{segment:06}.yuv"

    def _segment(self, number: int) -> Path:
        return self.parts / f"{number:06}.mp4"

    def _encode(self) -> None:
        """Encode the waiting frames as a segment."""
        if self._spool is None:
            return
        self._spool.size()
        self._spool.close()
        path = self._segment(len(self._sizes))
        try:
            write_segment(path, self._planes(self._spool.path), Fraction(self._rate))
        except FFmpegError as error:
            raise MediaError(f"{self.path}: cannot be encoded ({error.strerror})") from error
        self._sizes.append(sync_file(path))
        self._spool = None

    def _planes(self, path: Path) -> Iterator[Planes]:
        height, width = self._size
        size = height * 3 // 2 * width
        with path.open("rb") as file:
            while data := file.read(size):
                yield np.frombuffer(data, np.uint8).reshape(height * 3 // 2, width)

    def mark(self) -> dict[str, Any]:
        return {
            **super().mark(),
            "size": list(self._size),
            "rate": self._rate,
            "segments": list(self._sizes),
            "spool": 0 if self._spool is None else self._spool.size(),
        }

    def settle(self) -> None:
        for path in self.parts.glob("*.yuv"):
            if int(path.stem) < len(self._sizes):
                path.unlink()

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._size, self._rate = (mark["size"][0], mark["size"][1]), mark["rate"]
        self._sizes = list(mark["segments"])
        for number, size in enumerate(self._sizes):
            path = self._segment(number)
            if not path.is_file() or path.stat().st_size != size:
                raise GraphError(
                    f"{path}: expected {size} bytes of the earlier run, found another size or no "
                    "file; start over with --restart"
                )
        for path in (*self.parts.glob("*.mp4"), *self.parts.glob("*.yuv")):
            keep = len(self._sizes) + (path.suffix == ".yuv" and mark["spool"] > 0)
            if int(path.stem) >= keep:
                path.unlink()
        if mark["spool"]:
            self._spooled().cut_back(mark["spool"])

    def finish(self) -> tuple[Path, ...]:
        if not self.frame_count:
            raise MediaError(f"{self.path}: no frames to write")
        done, spool = list(self._sizes), self._spool
        self._encode()
        segments = [self._segment(number) for number in range(len(self._sizes))]
        self._sizes = done
        if spool is not None:  # until the run is over, it may have to be finished again
            self._spool = Growing(spool.path)
        try:
            with atomic_write(self.path) as aside:
                join_segments(
                    aside,
                    segments,
                    Fraction(self._rate),
                    frames=self.frame_count,
                    sound=_sound_of(load_state(self._about)),
                    metadata=self.carried,
                )
        except FFmpegError as error:
            raise MediaError(f"{self.path}: cannot be encoded ({error.strerror})") from error
        self.text = str(self.path)
        return (self.path,)

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()


def _sound_of(audio: Any) -> Audio | FileSound | None:
    """Return ComfyUI's AUDIO as sound; sound that is still in its file stays there."""
    if not audio or isinstance(audio, FileSound):
        return audio or None
    return Audio(audio["waveform"], int(audio["sample_rate"]))


class SaveVideo(io.ComfyNode):
    """Writes an mp4 that carries the graph; a file whose streams fit is not encoded again."""

    STREAMING = Rule("sink", ("video",), saves=Saves(VideoSink, suffix=".mp4"))
    ORDER = 40

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SaveVideo",
            display_name="Save Video",
            category="image/video",
            is_output_node=True,
            inputs=[
                io.Video.Input("video", tooltip="The video to save."),
                io.String.Input("filename_prefix", default="video/ComfyUI"),
                io.Combo.Input("format", options=["auto", "mp4"], default="auto"),
                io.Combo.Input("codec", options=["auto", "h264"], default="auto"),
            ],
        )

    @classmethod
    def execute(
        cls, video: VideoFile | Clip, filename_prefix: str, format: str, codec: str
    ) -> io.NodeOutput:
        path = host.save_path(filename_prefix, ".mp4", video.size)
        carried = carried_graph(cls.hidden)
        if isinstance(video, VideoFile):
            if _is_copied(video.path, codec):
                _copy(video.path, path, carried)
                return io.NodeOutput(ui=ui.PreviewText(str(path)))
            video = video.clip()
        step = host.progress(len(video.frames))
        write_video(path, video, metadata=carried, progress=step)
        return io.NodeOutput(ui=ui.PreviewText(str(path)))


def _is_copied(path: Path, codec: str) -> bool:
    """Return whether a file is copied by ComfyUI's rule for mp4: it has the codec already."""
    with opened(path) as file:
        coded = file.streams.video[0].codec.name
        return "mp4" in file.format.name.split(",") and codec in ("auto", coded)


def _copy(source: Path, path: Path, metadata: Mapping[str, str]) -> None:
    """Copy a video's streams unchanged, and its metadata unless `metadata` has the same key."""
    with atomic_write(path) as aside:
        if not metadata:
            shutil.copyfile(source, aside)
            return
        try:
            with (
                av.open(str(source)) as given,
                av.open(str(aside), "w", options={"movflags": "use_metadata_tags"}) as made,
            ):
                made.metadata.update({**given.metadata, **metadata})
                streams = {
                    stream.index: made.add_stream_from_template(stream, opaque=True)
                    for stream in given.streams
                    if stream.type in ("video", "audio", "subtitle")
                }
                for packet in given.demux():
                    if packet.stream.index in streams and packet.dts is not None:
                        packet.stream = streams[packet.stream.index]
                        made.mux(packet)
        except FFmpegError as error:
            raise MediaError(f"{source}: cannot be copied ({error.strerror})") from error
