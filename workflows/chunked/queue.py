"""Chunks that wait for the node that takes them."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from ...engines.sequence import cat, frame_count, slice_frames


class Queue:
    """Chunks in the order in which they came; frames are taken from the front."""

    def __init__(self, chunks: Sequence[Any] = ()) -> None:
        self._chunks: deque[Any] = deque(chunks)

    def __len__(self) -> int:
        """Return the number of frames."""
        return sum(map(frame_count, self._chunks))

    @property
    def first(self) -> Any:
        """The chunk in front, uncut."""
        return self._chunks[0]

    def put(self, chunk: Any) -> None:
        """Append a chunk; an empty one is dropped."""
        if frame_count(chunk):
            self._chunks.append(chunk)

    def take(self, count: int) -> Any:
        """Remove and return the next `count` frames: at least 1, and no more than there are."""
        parts: list[Any] = []
        while count:
            chunk = self._chunks.popleft()
            here = frame_count(chunk)
            if here > count:
                self._chunks.appendleft(slice_frames(chunk, count, here))
                chunk = slice_frames(chunk, 0, count)
            parts.append(chunk)
            count -= min(here, count)
        return cat(parts)

    @property
    def state(self) -> list[Any]:
        """What waits, for `refill` of another queue."""
        return list(self._chunks)

    def refill(self, chunks: Sequence[Any]) -> None:
        """Hold these chunks, from the `state` of another queue, and nothing else."""
        self._chunks = deque(chunks)
