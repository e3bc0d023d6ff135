"""What passes between the threads of a live run: the newest frame or picture, never a queue."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

Pixels = NDArray[np.uint8]


class Slot(Generic[T]):
    """Holds one item. A new item replaces one that has not been taken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: list[T] = []
        self._ended = False

    def put(self, value: T) -> T | None:
        """Put an item; return the one that it replaced, which is dropped."""
        with self._changed:
            replaced = self._held.pop() if self._held else None
            self._held = [value]
            self._changed.notify_all()
        return replaced

    def take(self, timeout: float) -> T | None:
        """Take the item, waiting up to `timeout` seconds for one; return None if there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._ended, timeout)
            return self._held.pop() if self._held else None

    def end(self) -> None:
        """Declare that no more items will come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def is_over(self) -> bool:
        """Whether the slot is empty and no more items will come."""
        with self._changed:
            return self._ended and not self._held


def plain_pixels(picture: Any) -> Pixels:
    """Return a picture as [H,W,3] RGB, as it is stored."""
    pixels: Pixels = picture.to_ndarray(format="rgb24")
    return pixels


@dataclass(frozen=True)
class Frame:
    """A frame of a stream.

    number:   counted from 1 over the whole run
    clip:     changes when the stream restarts, so that no state is carried over
    captured: `time.monotonic()` when it arrived
    picture:  the decoded `av.VideoFrame`; it is converted to pixels only if it is used
    convert:  picture -> pixels [H,W,3] RGB, upright and in SDR
    """

    number: int
    clip: int
    captured: float
    picture: Any
    convert: Callable[[Any], Pixels] = plain_pixels

    def pixels(self, size: tuple[int, int] | None = None) -> Pixels:
        """Return the frame as [H,W,3] RGB.

        size: height and width; the centre is cropped to their aspect ratio, then scaled
        """
        pixels = self.convert(self.picture)
        return pixels if size in (None, pixels.shape[:2]) else _covering(pixels, *size)


def _covering(pixels: Pixels, height: int, width: int) -> Pixels:
    import cv2

    tall, wide = pixels.shape[:2]
    keep_wide = min(wide, max(1, round(tall * width / height)))
    keep_tall = min(tall, max(1, round(wide * height / width)))
    top, left = (tall - keep_tall) // 2, (wide - keep_wide) // 2
    cropped = pixels[top : top + keep_tall, left : left + keep_wide]
    smaller = height * width < keep_tall * keep_wide
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(cropped, (width, height), interpolation=how), np.uint8)


VIEWS = ("result", "beside", "above")


class Drawn:
    """A picture [H,W,3] RGB that the graph made of the frame `number`, captured at `captured`.

    Each of its views is encoded once for all viewers: the "result" alone, or with what the source
    gave "beside" or "above" it.

    source: returns the pixels of the frame; None = there are none to show
    """

    def __init__(
        self,
        pixels: Pixels,
        number: int,
        captured: float,
        source: Callable[[], Pixels] | None = None,
    ):
        self.pixels = pixels
        self.number = number
        self.captured = captured
        self._source = source
        self._jpegs: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def with_pixels(self, pixels: Pixels) -> "Drawn":
        """Return the picture with other pixels, of the same frame."""
        return Drawn(pixels, self.number, self.captured, self._source)

    def jpeg(self, view: str = "result") -> bytes:
        """Return a view of the picture as JPEG."""
        with self._lock:
            if view not in self._jpegs:
                import cv2

                quality = [cv2.IMWRITE_JPEG_QUALITY, 85]
                self._jpegs[view] = _encoded(self._view(view), ".jpg", quality)
            return self._jpegs[view]

    def png(self, view: str = "result") -> bytes:
        """Return a view of the picture as PNG."""
        return _encoded(self._view(view), ".png", [])

    def _view(self, view: str) -> Pixels:
        if view == "result" or self._source is None:
            return self.pixels
        source = self._source()
        tall, wide = self.pixels.shape[:2]
        across = view == "beside"
        share = tall / source.shape[0] if across else wide / source.shape[1]
        size = (max(1, round(source.shape[0] * share)), max(1, round(source.shape[1] * share)))
        both = [_covering(source, *size), self.pixels]
        return np.ascontiguousarray(np.concatenate(both, axis=1 if across else 0))


def _encoded(pixels: Pixels, suffix: str, options: list[int]) -> bytes:
    import cv2

    _, data = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def with_text(pixels: Pixels, text: str) -> Pixels:
    """Return a copy with a line of text in the upper left corner, white on black."""
    import cv2

    out = pixels.copy()
    scale = max(0.4, out.shape[0] / 720)
    thick = max(1, round(scale * 1.5))
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), below = cv2.getTextSize(text, font, scale, thick)
    pad = max(3, below // 2)
    out[: height + below + 2 * pad, : width + 2 * pad] = 0
    cv2.putText(out, text, (pad, height + pad), font, scale, (255, 255, 255), thick, cv2.LINE_AA)
    return out
