"""Save Video: an mp4 or mkv that carries the graph."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import GraphError, InputError, MediaError
from ...engines.files import atomic_write, sha256_of, sync_file
from ...engines.video.encoding import PLAIN, Encoding, as_encoded, even_size, padded
from ...nodes.standin import host, io, ui
from ...nodes.streaming import Rule, Saves, Sink, Values
from ...nodes.streaming.growing import Growing
from .carried import carried_graph
from .video_file import VideoFile

if TYPE_CHECKING:
    from ...engines.video.clip import Audio, Clip
    from ...engines.video.part import VideoPart
    from ...engines.video.segments import Planes
    from ...engines.video.sound import FileSound

_CRF = 23.0  # of H.264, where none is given
_CONTAINERS = ("auto", "mp4", "mkv", "webm")
_COLOURS = ("auto", "sRGB", "HDR", "HDR PQ")


class VideoSink(Sink):
    """An mp4 or mkv, encoded in segments: an encoder cannot be interrupted and resumed.

    Until a segment is complete its frames are kept in a file, in the pixel format of the encoder.
    """

    def __init__(self, path: Path, format: str = "", carried: Mapping[str, str] | None = None):

        super().__init__(path, format, carried)
        self._spool: Growing | None = None
        self._size: tuple[int, int] = (0, 0)
        self._rate = ""
        self._segments: list[str] = []  # the SHA-256 of each
        self._encoding = PLAIN

    @property
    def _about(self) -> Path:
        return self.parts / "sound.state"

    def write(self, values: Values) -> None:
        from ...engines.video.segments import SEGMENT, planes_of, to_bytes
        from ...nodes.streaming.states import save_state

        video: VideoPart = values["video"]
        height, width = video.frames.shape[1:3]
        if not self.frame_count:
            if words := padded(height, width):
                host.warn(words)
            self._size = even_size(height, width)
            self._rate = str(as_encoded(video.rate))
            self._encoding = _chosen(values["format"], values.get("codec")).encoding
            save_state(video.audio, self._about)
            sync_file(self._about)
        for planes in planes_of(to_bytes(video.frames), self._encoding):
            self._spooled().append(planes.tobytes())
            self.frame_count += 1
            if self.frame_count % SEGMENT == 0:
                self._encode()

    def _spooled(self) -> Growing:
        if self._spool is None:
            self._spool = Growing(self._spool_path(len(self._segments)))
        return self._spool

    def _spool_path(self, segment: int) -> Path:
        return self.parts / f"{segment:06}.yuv"

    def _segment(self, number: int) -> Path:
        return self.parts / f"{number:06}.mp4"

    def _encode(self) -> None:
        """Encode the waiting frames as a segment."""
        from av.error import FFmpegError

        from ...engines.video.segments import write_segment

        if self._spool is None:
            return
        self._spool.size()
        self._spool.close()
        path = self._segment(len(self._segments))
        try:
            rate = Fraction(self._rate)
            write_segment(path, self._planes(self._spool.path), rate, self._encoding)
        except FFmpegError as error:
            raise MediaError(f"{self.path}: cannot be encoded ({error.strerror})") from error
        sync_file(path)
        self._segments.append(sha256_of(path))
        self._spool = None

    def _planes(self, path: Path) -> Iterator[Planes]:
        import numpy as np

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
            "encoding": asdict(self._encoding),
            "segments": list(self._segments),
            "spool": [] if self._spool is None else [self._spool.size(), self._spool.sha256],
        }

    def settle(self) -> None:
        for path in self.parts.glob("*.yuv"):
            if not path.stem.isdecimal() or int(path.stem) < len(self._segments):
                path.unlink()

    def resume(self, mark: Mapping[str, Any]) -> None:
        super().resume(mark)
        self._size, self._rate = (mark["size"][0], mark["size"][1]), mark["rate"]
        if self.frame_count and not re.fullmatch(r"[1-9]\d{0,8}(/[1-9]\d{0,8})?", self._rate):
            raise ValueError(f"expected a rate, found {self._rate[:60]!r}")
        if not all(type(side) is int and 0 <= side < 2**16 for side in self._size):
            raise ValueError(f"expected a size, found {self._size}")
        self._encoding = Encoding(**mark["encoding"])
        self._segments = list(mark["segments"])
        for number, sha256 in enumerate(self._segments):
            path = self._segment(number)
            try:
                found = sha256_of(path)
            except OSError as error:
                raise GraphError(
                    f"{path}: cannot be read ({error.strerror or error}); start over with --restart"
                ) from error
            if found != sha256:
                raise GraphError(
                    f"{path}: is damaged (its checksum differs); start over with --restart"
                )
        for path in (*self.parts.glob("*.mp4"), *self.parts.glob("*.yuv")):
            keep = len(self._segments) + (path.suffix == ".yuv" and bool(mark["spool"]))
            if not path.stem.isdecimal() or int(path.stem) >= keep:
                path.unlink()
        if mark["spool"]:
            self._spooled().cut_back(*mark["spool"])

    def finish(self) -> tuple[Path, ...]:
        from av.error import FFmpegError

        from ...engines.video.segments import join_segments
        from ...nodes.streaming.states import load_state

        if not self.frame_count:
            raise MediaError(f"{self.path}: no frames to write")
        done, spool = list(self._segments), self._spool
        self._encode()
        segments = [self._segment(number) for number in range(len(self._segments))]
        self._segments = done
        if spool is not None:  # until the run is over, it may have to be finished again
            self._spool = Growing(spool.path)
        try:
            with atomic_write(self.path, folder=self.parts) as aside:
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
    from ...engines.video.clip import Audio
    from ...engines.video.sound import FileSound

    if not audio or isinstance(audio, FileSound):
        return audio or None
    return Audio(audio["waveform"], int(audio["sample_rate"]))


@dataclass(frozen=True)
class _Choice:
    """What the inputs of the node ask for.

    container: "auto", "mp4" or "mkv"
    codec:     "auto" or "h264"
    is_plain:  no encoding is asked for, so that streams that fit are copied
    """

    container: str
    codec: str
    encoding: Encoding
    is_plain: bool


def _chosen(format: Any, codec: Any) -> _Choice:
    """Return what is asked for.

    format, codec: mappings of what is chosen and what that brings, or only what is chosen

    Raises `InputError` for what is not written here.
    """

    if not isinstance(format, Mapping):
        format = {"format": format}  # noqa: A001
    codec = format.get("codec") or codec or "auto"
    if not isinstance(codec, Mapping):
        codec = {"codec": codec}
    container, name = format["format"], codec["codec"]
    if container not in _CONTAINERS:
        found = str(container)[:60]
        raise InputError(f"format: expected one of {', '.join(_CONTAINERS)}, found {found!r}")
    if container == "webm":
        raise InputError("format: webm is not written here; choose mp4 or mkv")
    if name == "av1":
        raise InputError("codec: av1 is not written here; choose auto or h264")
    given = codec.get("encoding") or {}
    colours = given.get("color_space", "auto")
    if colours not in ("auto", "sRGB"):
        raise InputError(f"color_space: {colours} is not written here; choose auto or sRGB")
    crf = given.get("crf")
    if given.get("encoding") == "re-encode" and crf is None:
        crf = _CRF
    is_plain = crf is None and colours == "auto"
    return _Choice(container, name, Encoding(crf, colours == "sRGB"), is_plain)


def _inputs() -> list[io.InputSpec]:
    """Return the inputs that choose container and codec, as ComfyUI 0.33 has them."""
    option = io.DynamicCombo.Option
    space = io.Combo.Input("color_space", options=_COLOURS, default="auto")

    def codec(*names: str) -> io.InputSpec:
        def recoded(name: str) -> list[io.InputSpec]:
            if name == "auto":
                return []
            default, most = (_CRF, 51.0) if name == "h264" else (30.0, 63.0)
            crf = io.Float.Input("crf", default=default, min=0.0, max=most, step=1.0)
            modes = [option("auto", []), option("re-encode", [crf, space])]
            return [io.DynamicCombo.Input("encoding", modes, optional=True)]

        # graphs of older versions have only the one beside `format`
        options = [option(name, recoded(name)) for name in names]
        return io.DynamicCombo.Input("codec", options, optional=True)

    every = codec("auto", "h264", "av1")
    containers = [option(name, [every]) for name in ("auto", "mp4", "mkv")]
    containers.append(option("webm", [codec("auto", "av1")]))
    return [io.DynamicCombo.Input("format", containers), every]


def _suffix(format: str) -> str:
    return ".mkv" if format == "mkv" else ".mp4"


class SaveVideo(io.ComfyNode):
    """Writes a video that carries the graph; a file whose streams fit is not encoded again."""

    STREAMING = Rule(
        "sink",
        ("video",),
        saves=Saves(VideoSink, suffix=_suffix, format_input="format"),
        passes="video",
        anywhere=("video",),
    )
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
                *_inputs(),
            ],
            outputs=[io.Video.Output(display_name="video")],
        )

    @classmethod
    def validate_inputs(cls, format: Any = None, codec: Any = None) -> bool | str:
        _chosen(format, codec)
        return True

    @classmethod
    def execute(
        cls, video: VideoFile | Clip, filename_prefix: str, format: Any, codec: Any = None
    ) -> io.NodeOutput:
        from ...engines.video.write import write_video

        choice = _chosen(format, codec)
        path = host.save_path(filename_prefix, _suffix(choice.container), video.size)
        carried = carried_graph(cls.hidden)
        if (
            isinstance(video, VideoFile)
            and choice.is_plain
            and _is_copied(video.path, choice.codec, path.suffix)
        ):
            _copy(video.path, path, carried)
            return io.NodeOutput(video, ui=ui.PreviewText(str(path)))
        clip = video.clip() if isinstance(video, VideoFile) else video
        if words := padded(*clip.size):
            host.warn(words)
        step = host.progress(len(clip.frames))
        write_video(path, clip, metadata=carried, progress=step, encoding=choice.encoding)
        return io.NodeOutput(video, ui=ui.PreviewText(str(path)))


def _is_copied(path: Path, codec: str, suffix: str) -> bool:
    """Return whether a file is copied by ComfyUI's rule: it has container and codec already."""
    from ...engines.video.open import opened

    with opened(path) as file:
        coded = file.streams.video[0].codec.name
        kind = "matroska" if suffix == ".mkv" else "mp4"
        return kind in file.format.name.split(",") and codec in ("auto", coded)


def _copy(source: Path, path: Path, metadata: Mapping[str, str]) -> None:
    """Copy a video's streams unchanged, and its metadata unless `metadata` has the same key."""
    import av
    from av.error import FFmpegError

    from ...engines.video.segments import tags_of

    with atomic_write(path) as aside:
        if not metadata:
            shutil.copyfile(source, aside)
            return
        try:
            with (
                av.open(str(source), metadata_errors="replace") as given,
                av.open(str(aside), "w", options=tags_of(aside)) as made,
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
