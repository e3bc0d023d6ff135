"""Sources of live frames by URL: network cameras, MJPEG streams, and videos on a server."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError

from ...engines.errors import MediaError
from ...engines.video.facts import picture_facts
from .sources import SILENCE, Clock, FrameSource, Pictures, Say, SourceOptions, stated

SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "tcp", "udp")
_WAITS = (0.5, 8.0)  # seconds before the first attempt to reconnect; doubled up to the second
_MAX_DAMAGED = 100  # consecutive packets that cannot be decoded


class UrlSource(FrameSource):
    """A stream by its URL, or a video on a server.

    A stream is reconnected when it breaks off. A video has a length, and is played like a file.
    """

    def __init__(self, url: str, options: SourceOptions):
        super().__init__(masked(url), options)
        self._url = url
        self._container: InputContainer | None = None

    def open(self) -> None:
        self._container = self._connected()
        self.size, rate = stated(self._container)
        self.rate = self.options.fps or rate
        self._since = time.monotonic()

    def pictures(self, stop: threading.Event, say: Say) -> Pictures:
        if time.monotonic() - self._since > 1:
            self.close()  # what has queued up during preparation is old
        clip, wait, lost = 0, _WAITS[0], False
        while not stop.is_set():
            try:
                if self._container is None:
                    self._container = self._connected()
                for picture in self._obeyed(self._coming(self._container, stop), say):
                    if lost:
                        say(f"{self.name}: reconnected")
                    wait, lost = _WAITS[0], False
                    yield clip, picture
                if stop.is_set() or self._has_end():
                    return
                why = "the stream ended"
            except MediaError as error:
                why = str(error)
            self.close()
            clip, lost = clip + 1, True
            say(f"{why.removeprefix(f'{self.name}: ')}; reconnecting in {wait:g} s")
            stop.wait(wait)
            wait = min(2 * wait, _WAITS[1])

    def _obeyed(self, pictures: Iterator[av.VideoFrame], say: Say) -> Iterator[av.VideoFrame]:
        """Yield the pictures after reading from the first how they are to be shown."""
        for number, picture in enumerate(pictures):
            if number == 0 and self._container is not None:
                facts = picture_facts(self._container.streams.video[0], picture)
                self.obey(facts)
                for words in replace(facts, interlaced=False).words:
                    say(f"{self.name}: {words}")
                if facts.interlaced:
                    say(f"{self.name}: it is interlaced, and is shown without deinterlacing")
            yield picture

    def _connected(self) -> InputContainer:
        quick = {"fflags": "nobuffer", "flags": "low_delay", "analyzeduration": "1000000"}
        if self._url.lower().startswith("rtsp"):
            quick["rtsp_transport"] = "tcp"  # UDP loses packets, which smears the picture
        container = self._opened(quick)
        if (container.duration or 0) > 0:
            container.close()  # nobuffer loses the frames that FFmpeg has probed
            container = self._opened({})
        if not container.streams.video:
            container.close()
            raise MediaError(f"{self.name}: has no video stream")
        return container

    def _opened(self, options: dict[str, str]) -> InputContainer:
        try:
            return av.open(self._url, options=options, timeout=SILENCE)
        except FFmpegError as error:
            raise MediaError(
                f"{self.name}: cannot be opened ({_reason(error)}); check the URL, and whether "
                "it plays in another program"
            ) from error

    def _has_end(self) -> bool:
        return self._container is not None and (self._container.duration or 0) > 0

    def _coming(self, container: InputContainer, stop: threading.Event) -> Iterator[av.VideoFrame]:
        pictures = self._received(container)
        # HLS and DASH deliver many frames at a time
        if self._has_end() or re.search(r"\b(hls|dash)\b", container.format.name):
            pictures = Clock(stop).paced(pictures, self.rate)
        last = 0.0
        for picture in pictures:
            if stop.is_set():
                return
            now = time.monotonic()
            if self.options.fps and now - last < 0.9 / self.options.fps:
                continue
            last = now
            yield picture

    def _received(self, container: InputContainer) -> Iterator[av.VideoFrame]:
        """Yield decoded pictures; skip damaged packets, as streams may be joined in the middle."""
        damaged = 0
        try:
            for packet in container.demux(container.streams.video[0]):
                try:
                    pictures = packet.decode()
                except InvalidDataError:
                    damaged += 1
                    if damaged < _MAX_DAMAGED:
                        continue
                    raise
                damaged = 0
                yield from pictures
        except FFmpegError as error:
            raise MediaError(f"{self.name}: breaks off ({_reason(error)})") from error

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None


def _reason(error: FFmpegError) -> str:
    timed_out = isinstance(error, av.error.ExitError)
    return f"no data for {SILENCE:g} s" if timed_out else str(error.strerror)


def masked(url: str) -> str:
    """Return a URL with passwords and tokens masked.

    They are in the user info, up to the last @ before the path as FFmpeg parses it, or in the
    query.
    """
    url = re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", url)
    return re.sub(r"(?i)([?&](?:pwd?|pass\w*|token|key|auth)=)[^&]*", r"\1***", url)
