"""`Flow`: what travels on a KINO_FLOW socket."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..checks import check_shape
from ..errors import InputError
from ..sequence import state_type
from .choices import FIRST_FRAMES


@state_type()
@dataclass(frozen=True)
class Flow:
    """The motion between neighbouring frames of a clip, one row for each of its N pairs.

    forward:  [N,2,H,W] float32 x, y in pixels, or None; row i says where each pixel of the first
              frame of pair i is in the second
    backward: [N,2,H,W] or None; row i says where each pixel of the second frame was in the first
    fps:      frames per second of the clip
    first:    what stands for the clip's first frame, which nothing comes before: the next frame's
              motion ("duplicate"), none at all and drawn white ("white") or black ("zero"); "" in a
              chunk that goes on from another, where the first pair begins in the chunk before

    A clip of N + 1 frames has N pairs; pair i belongs to frame i + 1. A chunk that goes on has as
    many pairs as frames. Raises `InputError` when shapes, devices or types do not fit together.
    """

    forward: Tensor | None = None
    backward: Tensor | None = None
    fps: float = 16.0
    first: str = "duplicate"

    def __post_init__(self) -> None:
        if self.forward is None and self.backward is None:
            raise InputError("Flow: expected forward, backward or both, found neither")
        shape: tuple[int | str, ...] = ("pairs", 2, "height", "width")
        for name in ("forward", "backward"):
            value: Tensor | None = getattr(self, name)
            if value is None:
                continue
            check_shape(f"Flow.{name}", value, shape)
            if value.dtype != torch.float32:
                raise InputError(f"Flow.{name}: expected float32, found {value.dtype}")
            shape = tuple(value.shape)
        if self.forward is not None and self.backward is not None:
            one, two = self.forward.device, self.backward.device
            if one != two:
                raise InputError(f"Flow.backward: expected on {one}, found on {two}")
        if not self.fps > 0:
            raise InputError(f"Flow.fps: expected more than 0, found {self.fps}")
        if self.first not in ("", *FIRST_FRAMES):
            raise InputError(
                f"Flow.first: expected one of {', '.join(FIRST_FRAMES)}, found {self.first!r}"
            )

    def __len__(self) -> int:
        """Return the number of pairs of frames."""
        return self.main.shape[0]

    @property
    def main(self) -> Tensor:
        """[N,2,H,W] the forward flow; the backward flow if there is no other."""
        found = self.backward if self.forward is None else self.forward
        assert found is not None  # one of them is there, by __post_init__
        return found

    @property
    def direction(self) -> str:
        """Which of `DIRECTIONS` it has."""
        if self.backward is None:
            return "forward"
        return "backward" if self.forward is None else "both"

    @property
    def frame_count(self) -> int:
        """How many frames the clip or chunk has."""
        return len(self) + (self.first != "")

    def slice(self, start: int, stop: int) -> "Flow":
        """Return the flow of the frames from `start` up to but not including `stop`.

        A clip's first frame has no row: it stays with `first`.
        """
        before = self.frame_count - len(self)
        rows = range(max(0, start - before), max(0, stop - before))
        forward, backward = (
            None if way is None else way[rows.start : rows.stop]
            for way in (self.forward, self.backward)
        )
        first = "" if start else self.first
        return replace(self, forward=forward, backward=backward, first=first)

    @classmethod
    def cat(cls, chunks: "Sequence[Flow]") -> "Flow":
        """Return successive chunks as one, with the rate and first frame of the first chunk."""
        first = chunks[0]
        ways: dict[str, Any] = {
            name: torch.cat([getattr(chunk, name) for chunk in chunks])
            for name in ("forward", "backward")
            if getattr(first, name) is not None
        }
        return replace(first, **ways)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.main.shape[2], self.main.shape[3]

    @property
    def device(self) -> torch.device:
        return self.main.device

    def one(self, direction: str) -> Tensor:
        """Return the flow in `direction`, [N,2,H,W]. Raises `InputError` if there is none."""
        found = {"forward": self.forward, "backward": self.backward}[direction]
        if found is None:
            raise InputError(
                f"flow: expected {direction} flow, found {self.direction} only; choose direction "
                f"{direction} or both in Estimate Flow"
            )
        return found

    def per_frame(self, rows: Tensor | None = None) -> Tensor:
        """Return `rows` (one per pair; None: `main`) as [frames,...], with one more in front for
        the first frame: the first row again, or zeros."""
        rows = self.main if rows is None else rows
        if not self.first:
            return rows
        same = self.first == "duplicate" and len(rows)
        start = rows[:1] if same else rows.new_zeros(1, *rows.shape[1:])
        return torch.cat([start, rows])

    def to(self, device: torch.device | str) -> "Flow":
        """Return the same flow on `device`."""
        ways = (self.forward, self.backward)
        forward, backward = (None if way is None else way.to(device) for way in ways)
        return replace(self, forward=forward, backward=backward)


def lengths(flow: Tensor) -> Tensor:
    """Return the lengths [N,H,W] px of the vectors of flow [N,2,H,W]."""
    return torch.hypot(flow[:, 0], flow[:, 1])  # vector_norm is 200 times slower over this layout
