"""Bring tracks to the size and the length of the video that a model is to generate."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import InputError
from .choices import TARGETS, TIMINGS
from .points import on_canvas
from .tracks import MotionTracks

_CELL = 8  # px of the picture for one of the latent: of several tracks in one, a random one counts
_ATI = 120  # steps between the points of ATI's text


@dataclass(frozen=True)
class _Lengths:
    """step, offset: lengths are step * n + offset, n >= 1; never: multiples that length - 1 must
    not be, 0: none"""

    step: int
    offset: int = 1
    never: int = 0

    def takes(self, length: int) -> bool:
        fits = length > self.offset and (length - self.offset) % self.step == 0
        return fits and not (self.never and (length - 1) % self.never == 0)

    @property
    def rule(self) -> str:
        text = f"{self.step}n + {self.offset}"
        return f"{text}, but not {self.never}n + 1" if self.never else text


# ComfyUI's node for ATI fails where the clip's steps are a multiple of ATI's 120.
_LENGTHS = {
    "wan_move": _Lengths(4),
    "ati": _Lengths(4, never=_ATI),
    "ltx": _Lengths(8),
    "any": _Lengths(1),
}
assert tuple(_LENGTHS) == TARGETS


def check_length(length: int, target: str) -> None:
    """Raise `InputError` for a length in frames that the nodes of `target` cannot take, with the
    nearest that they can."""
    rule = _rule(target)
    if not rule.takes(length):
        near = sorted(_near(length, rule), key=lambda one: (abs(one - length), one))
        raise InputError(
            f"length: {target} takes {rule.rule} frames, found {length}; choose "
            f"{' or '.join(map(str, near))}"
        )


def fitting_length(frames: int, target: str) -> int:
    """Return the largest length up to `frames` that the nodes of `target` take; the smallest one
    if there is none."""
    rule = _rule(target)
    for length in range(frames, 1, -1):
        if rule.takes(length):
            return length
    return next(length for length in range(2, 1000) if rule.takes(length))


def for_generation(
    tracks: MotionTracks,
    *,
    size: tuple[int, int] | None = None,
    length: int = 0,
    target: str = "wan_move",
    timing: str = "spread",
) -> MotionTracks:
    """Return tracks in the size and length of the video to generate.

    size:   height and width in px; None: the tracks' canvas
    length: frames; 0: the largest that `target` takes and the clip has
    target: one of `TARGETS`
    timing: spread: the motion of the whole clip, faster or slower. cut: the first frames as they
            are

    Only tracks that are visible in the first frame are kept, and of those that begin in the same
    square of 8 px the first. Raises `InputError` for a length that `target` does not take, one that
    a cut clip does not have, and if no track is left.
    """
    if timing not in TIMINGS:
        raise InputError(f"timing: expected one of {', '.join(TIMINGS)}, found {timing!r}")
    frames = tracks.frame_count
    length = length or fitting_length(frames, target)
    check_length(length, target)
    if timing == "cut" and length > frames:
        raise InputError(
            f"length: expected at most the {frames} frames of the clip, found {length}; choose "
            f"{fitting_length(frames, target)}, or timing spread"
        )
    end = frames - 1 if timing == "spread" else length - 1
    timed = at_times(tracks.held(), torch.linspace(0, end, length, dtype=torch.float64))
    height, width = size or tracks.canvas
    scale = timed.path.new_tensor([width / tracks.canvas[1], height / tracks.canvas[0]])
    moved = replace(timed, path=timed.path * scale, canvas=(height, width))
    kept = moved.only(_one_per_cell(moved)).held()
    if not kept.point_count:
        raise InputError("tracks: none is visible in the first frame; keep others")
    return kept


def at_times(tracks: MotionTracks, times: Tensor) -> MotionTracks:
    """Return tracks at times [L] in frames, which need not be whole, interpolated linearly.

    A point is visible between two frames if it is in both.
    """
    last = tracks.frame_count - 1
    times = times.to(tracks.path.device, torch.float64).clamp(0, last)
    low = times.floor().long()
    high = (low + 1).clamp(max=last)
    part = (times - low)[:, None, None].float()
    path = tracks.path[low] + (tracks.path[high] - tracks.path[low]) * part
    visible = tracks.visible[low] & (tracks.visible[high] | (part[..., 0] == 0))
    return replace(tracks, path=path, visible=visible)


def _one_per_cell(tracks: MotionTracks) -> Tensor:
    """Return which tracks begin, visible, in a cell in which no other one before them does: [N]
    bool."""
    height, width = tracks.canvas
    x, y = tracks.path[0].unbind(-1)
    begins = tracks.visible[0] & on_canvas(tracks.path[0], tracks.canvas)
    columns, rows = -(-width // _CELL), -(-height // _CELL)
    cell = (y // _CELL).long() * columns + (x // _CELL).long()
    cell = torch.where(begins, cell, columns * rows)
    number = torch.arange(len(cell), device=cell.device)
    first = torch.full((columns * rows + 1,), len(cell), device=cell.device)
    first = first.scatter_reduce(0, cell, number, "amin")
    return begins & (first[cell] == number)


def _rule(target: str) -> _Lengths:
    if target not in _LENGTHS:
        raise InputError(f"target: expected one of {', '.join(TARGETS)}, found {target!r}")
    return _LENGTHS[target]


def _near(length: int, rule: _Lengths) -> list[int]:
    below = [one for one in range(length - 1, max(1, length - 20), -1) if rule.takes(one)]
    above = [one for one in range(max(2, length + 1), max(2, length) + 20) if rule.takes(one)]
    return [*below[:1], *above[:1]]
