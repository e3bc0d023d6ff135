"""From what a user calls a source to frames that come in a thread."""

import threading
import time

from ...engines.errors import InputError, KinographError
from .figures import Figures
from .slot import Frame, Slot
from .sources import CameraSource, FileSource, FrameSource, Say, SourceOptions
from .urls import SCHEMES, UrlSource, masked


def find_source(text: str, options: SourceOptions) -> FrameSource:
    """What "0", "/dev/video0", "clip.mp4" or "rtsp://..." mean. Opens nothing.

    Raises `InputError` for a URL of another scheme, or options that do not go with it.
    """
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme and scheme not in SCHEMES:
        raise InputError(
            f"--source {masked(text)}: expected a camera's number, a file or a URL of "
            f"{', '.join(SCHEMES)}, found {scheme}"
        )
    camera = text.isdecimal() or text.startswith("/dev/")
    if options.loop and (scheme or camera):
        raise InputError(f"--loop: goes with a file, and --source is {masked(text)}; leave it out")
    if scheme:
        return UrlSource(text, options)
    return CameraSource(text, options) if camera else FileSource(text, options)


class Reader(threading.Thread):
    """Puts each frame into the slot when it comes; `failure` is why it ended, if not as planned."""

    def __init__(
        self,
        source: FrameSource,
        slot: Slot[Frame],
        figures: Figures,
        stop: threading.Event,
        say: Say,
    ):
        super().__init__(name="kinograph-reader", daemon=True)
        self.failure: BaseException | None = None
        self._source = source
        self._slot = slot
        self._figures = figures
        self._stop_asked = stop
        self._say = say

    def run(self) -> None:
        number = 0
        try:
            for clip, picture in self._source.pictures(self._stop_asked, self._say):
                number += 1
                frame = Frame(number, clip, time.monotonic(), picture)
                self._figures.captured(dropped=self._slot.put(frame))
        except KinographError as error:
            self.failure = error
        except BaseException as error:  # raised again by who waits for this thread
            self.failure = error
        finally:
            self._slot.end()
            self._source.close()
