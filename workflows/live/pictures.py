"""Folders and patterns of pictures as sources of live frames."""

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from ...engines.video.stills import still_info, still_pictures
from ...engines.video.timing import ReadOptions
from .sources import Clock, FrameSource, Pictures, Say


class PicturesSource(FrameSource):
    """Pictures of one size in natural order, in real time."""

    def open(self) -> None:
        found = still_info(Path(self.name), self._options())
        self.size, self.rate = found.size, float(found.rate)
        self._remarks = found.remarks

    def _options(self) -> ReadOptions:
        return ReadOptions(fps=Fraction(self.options.fps).limit_denominator(1000))

    def pictures(self, stop: threading.Event, say: Say) -> Pictures:
        for remark in self._remarks:
            say(f"{self.name}: {remark}")
        clock = Clock(stop)
        clip = 0
        while clip == 0 or self.options.loop:
            for picture in clock.paced(self._read(), self.rate, fixed=True):
                yield clip, picture
            if stop.is_set():
                return
            clip += 1

    def _read(self) -> Iterator[av.VideoFrame]:
        for read in still_pictures(Path(self.name), self._options(), 0, alpha=False):
            yield av.VideoFrame.from_ndarray(read().numpy(), format="rgb24")
