"""Pictures of a video stream as they are decoded: alpha and fields are honoured here."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.video.stream import VideoStream

from ..errors import MediaError

# FFmpeg's own decoders leave out the alpha of VP8 and VP9.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_CURE = "copy the file again, or save the readable part: ffmpeg -i IN -c copy OUT.mp4"


def decoded(
    container: InputContainer,
    stream: VideoStream,
    path: Path,
    *,
    alpha: bool = False,
    threads: bool = True,
) -> Iterator[av.VideoFrame]:
    """Yield the pictures of `stream` in the order of their times.

    alpha:   decode the alpha channel, too, where the codec keeps it apart
    threads: False for a few pictures: threads want several packets before the first comes

    Raises `MediaError` for a stream that is damaged or breaks off, when its place is reached.
    """
    stream.thread_type = "AUTO" if threads else "NONE"
    decoder = _alpha_decoder(stream) if alpha else None
    promised = stream.frames
    done = 0
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise MediaError(f"{path}: breaks off after {done} of {promised} frames; {_CURE}")
            for picture in packet.decode() if decoder is None else decoder.decode(packet):
                yield picture
                done += 1
    except FFmpegError as error:
        of = f" of {promised}" if promised else ""
        raise MediaError(
            f"{path}: breaks off or is damaged after {done}{of} frames ({error.strerror}); {_CURE}"
        ) from error


def _alpha_decoder(stream: VideoStream) -> av.VideoCodecContext | None:
    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    if name is None or name not in av.codecs_available:
        return None
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata = stream.codec_context.extradata
    return decoder


def deinterlaced(pictures: Iterator[av.VideoFrame], time_base: Fraction) -> Iterator[av.VideoFrame]:
    """Yield progressive pictures, as many as came, by FFmpeg's bwdif (one picture per frame)."""
    graph: Graph | None = None
    for picture in pictures:
        if graph is None:
            graph = Graph()
            source = graph.add_buffer(
                width=picture.width,
                height=picture.height,
                format=picture.format,
                time_base=time_base,
            )
            filtering = graph.add("bwdif", "mode=send_frame:deint=interlaced")
            sink = graph.add("buffersink")
            source.link_to(filtering)
            filtering.link_to(sink)
            graph.configure()
        graph.push(picture)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            picture = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        assert isinstance(picture, av.VideoFrame)
        yield picture


def seconds_of(picture: av.VideoFrame) -> Fraction | None:
    """Return the time of a picture in its stream; None if it does not say."""
    if picture.pts is None or picture.time_base is None:
        return None
    return picture.pts * Fraction(picture.time_base)
