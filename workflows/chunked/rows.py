"""What travels between nodes, cut and joined by frames."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from ...engines.errors import InputError
from ...engines.flow.flow import Flow
from ...engines.pose.poses import Poses
from ...engines.vace.control import VaceControl


@dataclass(frozen=True)
class VideoPart:
    """Some frames [F,H,W,3] of a VIDEO in the making, with the sound of the whole."""

    frames: Tensor
    rate: Fraction
    audio: Any = None


def frame_count(value: Any) -> int:
    """Frames of an IMAGE, MASK, Poses, Flow, VaceControl, VideoPart or a list with an entry a
    frame. Raises `InputError` for anything else."""
    if isinstance(value, Tensor) and value.ndim:
        return value.shape[0]
    if isinstance(value, Flow):
        return value.frames
    if isinstance(value, VaceControl):
        return value.video.shape[2]
    if isinstance(value, VideoPart):
        return value.frames.shape[0]
    if isinstance(value, Poses | list):
        return len(value)
    raise InputError(f"expected something with frames, found a {type(value).__name__}")


def cut(value: Any, start: int, stop: int) -> Any:
    """The frames from `start` up to before `stop`, without a copy."""
    if isinstance(value, Poses):
        return value.frames(start, stop)
    if isinstance(value, Flow):
        return _cut_flow(value, start, stop)
    if isinstance(value, VaceControl):
        return replace(
            value, video=value.video[:, :, start:stop], mask=value.mask[:, :, start:stop]
        )
    if isinstance(value, VideoPart):
        return replace(value, frames=value.frames[start:stop])
    return value[start:stop]


def _cut_flow(flow: Flow, start: int, stop: int) -> Flow:
    """A clip's first frame has no row of its own: it stays with `Flow.first`."""
    before = 0 if flow.first == "" else 1
    rows = slice(max(0, start - before), max(0, stop - before))
    forward, backward = (
        None if way is None else way[rows] for way in (flow.forward, flow.backward)
    )
    return replace(flow, forward=forward, backward=backward, first=flow.first if not start else "")


def join(parts: Sequence[Any]) -> Any:
    """Successive chunks as one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    if isinstance(first, Poses):
        return Poses.cat(list(parts))
    if isinstance(first, Flow):
        ways: dict[str, Any] = {
            name: torch.cat([getattr(part, name) for part in parts])
            for name in ("forward", "backward")
            if getattr(first, name) is not None
        }
        return replace(first, **ways)
    if isinstance(first, VaceControl):
        video, mask = (torch.cat([getattr(p, n) for p in parts], 2) for n in ("video", "mask"))
        return replace(first, video=video, mask=mask)
    if isinstance(first, VideoPart):
        return replace(first, frames=torch.cat([part.frames for part in parts]))
    return [row for part in parts for row in part]


class Queue:
    """Chunks that came, and frames that are taken from the front."""

    def __init__(self, chunks: Sequence[Any] = ()) -> None:
        self._chunks: deque[Any] = deque(chunks)

    def __len__(self) -> int:
        """Frames."""
        return sum(map(frame_count, self._chunks))

    @property
    def first(self) -> Any:
        """The chunk in front, as it is."""
        return self._chunks[0]

    def put(self, chunk: Any) -> None:
        if frame_count(chunk):
            self._chunks.append(chunk)

    def take(self, count: int) -> Any:
        """The next `count` frames, at least 1 and no more than there are."""
        parts: list[Any] = []
        while count:
            chunk = self._chunks.popleft()
            here = frame_count(chunk)
            if here > count:
                self._chunks.appendleft(cut(chunk, count, here))
                chunk = cut(chunk, 0, count)
            parts.append(chunk)
            count -= min(here, count)
        return join(parts)

    @property
    def state(self) -> list[Any]:
        """What waits, to be handed to another queue."""
        return list(self._chunks)

    def refill(self, chunks: Sequence[Any]) -> None:
        """Hold these, as another queue's `state` gave them, and nothing else."""
        self._chunks = deque(chunks)
