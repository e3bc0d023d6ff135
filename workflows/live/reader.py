"""Find the source that the user names, and read its frames in a thread."""

import threading
import time

from ...engines.errors import InputError, KinographError
from .figures import Figures
from .slot import Frame, Slot
from .sources import CameraSource, FileSource, FrameSource, Say, SourceOptions
from .urls import SCHEMES, UrlSource, masked


def find_source(text: str, options: SourceOptions) -> FrameSource:
    """Return the source that "0", "/dev/video0", "clip.mp4" or "rtsp://..." names, not opened.

    Raises `InputError` for a URL of an unsupported scheme, and for options that do not apply.
    """
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme and scheme not in SCHEMES:
        raise InputError(
            f"--source {masked(text)}: expected a camera's number, a file or a URL of "
            f"{', '.join(SCHEMES)}, found {scheme}"
        )
    camera = text.isdecimal() or text.startswith("/dev/")
    if options.loop and (scheme or camera):
        raise InputError(f"--loop: needs a file, but --source is {masked(text)}; leave it out")
    if scheme:
        return UrlSource(text, options)
    return CameraSource(text, options) if camera else FileSource(text, options)


def open_source(source: FrameSource) -> None:
    """Open a source in a thread, so that Ctrl-C does not wait for one that does not respond.

    Raises what `FrameSource.open` raises.
    """
    failures: list[BaseException] = []

    def opening() -> None:
        try:
            source.open()
        except BaseException as error:  # raised by the thread that waits for this one
            failures.append(error)

    thread = threading.Thread(target=opening, name="kinograph-opening", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
    if failures:
        raise failures[0]


class Reader(threading.Thread):
    """Puts each frame into the slot when it arrives.

    failure: the error that ended it, or None
    """

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
                frame = Frame(number, clip, time.monotonic(), picture, self._source.convert)
                self._figures.captured(dropped=self._slot.put(frame))
        except KinographError as error:
            self.failure = error
        except BaseException as error:  # reported by the thread that waits for this one
            self.failure = error
        finally:
            self._slot.end()
            self._source.close()
