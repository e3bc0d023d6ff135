"""Which frames the outputs of a live graph are of, as nodes may hold frames back."""

from collections import deque
from collections.abc import Iterable

from .slot import Frame

_AHEAD = 256  # frames, at most, that are kept for nodes that hold frames back


class Waiting:
    """The frames that have no output yet, for each of the sinks of a graph."""

    def __init__(self, sinks: Iterable[str]):
        self._frames: dict[str, deque[Frame]] = {sink: deque(maxlen=_AHEAD) for sink in sinks}

    def add(self, frame: Frame) -> None:
        """Note a frame that the graph is about to run on."""
        for frames in self._frames.values():
            frames.append(frame)

    def take(self, sink: str, count: int, newest: Frame) -> list[Frame]:
        """Return the frames that the `count` outputs that have come to a sink are of.

        newest: the frame that the graph has run on; for outputs of frames that are not known
        """
        frames = self._frames[sink]
        return [frames.popleft() if frames else newest for _ in range(count)]

    def clear(self, *, but_last: bool = False) -> None:
        """Forget all frames. but_last: keep the newest."""
        for frames in self._frames.values():
            kept = list(frames)[-1:] if but_last else []
            frames.clear()
            frames.extend(kept)

    def copy(self) -> "Waiting":
        """Return the same frames, which do not change with these."""
        made = Waiting(self._frames)
        for sink, frames in self._frames.items():
            made._frames[sink].extend(frames)
        return made
