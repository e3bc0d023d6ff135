"""Find the source that the user names, and read its frames in a thread."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from ...engines.errors import InputError, KinographError
from ...engines.video.still_files import is_stills
from .figures import Figures
from .pictures import PicturesSource
from .slot import Frame, Slot
from .sources import CameraSource, FileSource, FrameSource, Say, SourceOptions
from .urls import SCHEMES, UrlSource, masked


def find_source(text: str, options: SourceOptions) -> FrameSource:
    """Return the source that "0", "/dev/video0", "clip.mp4", "frames/", "frames/%04d.png" or
    "rtsp://..." names, not opened.

    Raises `InputError` for a URL of an unsupported scheme, and for options that do not apply.
    """
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme and scheme not in SCHEMES:
        raise InputError(
            f"--source {masked(text)}: expected a camera's number, a file, a folder or a URL of "
            f"{', '.join(SCHEMES)}, found {scheme}"
        )
    camera = text.isdecimal() or text.startswith("/dev/")
    if options.loop and (scheme or camera):
        raise InputError(
            f"--loop: needs a file or a folder, but --source is {masked(text)}; leave it out"
        )
    if scheme:
        return UrlSource(text, options)
    if camera:
        return CameraSource(text, options)
    return (PicturesSource if is_stills(Path(text)) else FileSource)(text, options)


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
    lost:    called with the capture time of each frame that is dropped
    """

    def __init__(
        self,
        source: FrameSource,
        slot: Slot[Frame],
        figures: Figures,
        stop: threading.Event,
        say: Say,
        lost: Callable[[float], None] = lambda captured: None,
    ):
        super().__init__(name="kinograph-reader", daemon=True)
        self._lost = lost
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
                dropped = self._slot.put(frame)
                self._figures.captured(dropped=dropped is not None)
                if dropped is not None:
                    self._lost(dropped.captured)
        except KinographError as error:
            self.failure = error
        except BaseException as error:  # reported by the thread that waits for this one
            self.failure = error
        finally:
            self._slot.end()
            self._source.close()
