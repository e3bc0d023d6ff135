"""`Meter`: metrics of a clip or a stream, over the last seconds, in constant memory."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from ...sequence import state_type
from .changes import BACK, Changes, changes
from .observed import Observed, check_rising
from .summary import Frames, Summary, summarise

SECONDS = 5.0
"""How far back a summary looks, in time of capture."""

_TOGETHER = 1024  # frames that are measured together; the result is the same for any number


@state_type()
@dataclass(frozen=True)
class MeterState:
    """What a meter keeps; opaque, to be handed to another meter, which continues."""

    recent: Observed | None = None
    frames: Frames | None = None
    bodies: Changes | None = None
    latest: float = -math.inf


class Meter:
    """Takes what a run made of successive frames, whole or in parts, and sums it up.

    What it keeps is a row of numbers for every body of the last seconds, and the last few frames.
    """

    def __init__(self, *, seconds: float = SECONDS, period: float | None = None) -> None:
        """Set up a meter.

        seconds: how far back a summary looks, above 0
        period:  s between outputs, such as 1 / the frame rate of a file; changes across more than
                 1.5 periods do not count. None: as the outputs come, for streams whose frames are
                 dropped

        Raises `InputError` for a time that is not above 0.
        """
        for name, value in (("seconds", seconds), ("period", period)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name}: expected a time above 0 s, found {value}")
        self._seconds, self._period = seconds, period
        self.state = MeterState()

    @property
    def state(self) -> MeterState:
        """What another meter needs to continue."""
        return MeterState(self._recent, self._frames, self._bodies, self._latest)

    @state.setter
    def state(self, state: MeterState) -> None:
        self._recent, self._frames = state.recent, state.frames
        self._bodies, self._latest = state.bodies, state.latest

    @property
    def changes(self) -> Changes | None:
        """The changes of every body of the last seconds; None before the first frame."""
        return self._bodies

    def add(self, observed: Observed, *, every: float | None = None) -> list[Summary]:
        """Take the frames that follow, of which none may be captured before an earlier one.

        every: s of capture time; None: no summaries are returned

        Returns a summary for each multiple of `every` that these frames reach or pass: of what was
        captured until then. Whole or in parts, the same frames give the same summaries.
        """
        if every is not None and not (math.isfinite(every) and every > 0):
            raise InputError(f"every: expected a time above 0 s, found {every}")
        summaries = []
        for start in range(0, len(observed), _TOGETHER):
            part = _chosen(observed, torch.arange(start, min(start + _TOGETHER, len(observed))))
            check_rising(part.captured, self._latest)
            ticks = [] if every is None else self._ticks(part.captured.double(), every)
            self._append(part)
            self._latest = float(part.captured[-1])
            found = (self._summary(at) for at in ticks)
            summaries += [one for one in found if one is not None]
            self._forget()
        return summaries

    def _ticks(self, captured: Tensor, every: float) -> list[float]:
        """Return the multiples of `every` after the frame before, up to the last of these, in whose
        window frames may be: in a long pause there are only those that follow its start."""
        known = not math.isinf(self._latest)
        first = captured.new_tensor([self._latest if known else float(captured[0])])
        before = torch.cat([first, captured[:-1]])
        start = (before / every).floor() + 1
        if not known:
            start[0] -= 1  # the first frame may lie on one itself
        stop = torch.minimum(captured / every, (before + self._seconds) / every + 1).floor()
        count = (stop - start + 1).clamp(min=0).long()
        skipped = torch.repeat_interleave(count.cumsum(0) - count, count)
        ticks = torch.repeat_interleave(start, count) + torch.arange(len(skipped)) - skipped
        multiples: list[float] = (ticks * every).tolist()
        return multiples

    def summary(self) -> Summary | None:
        """Return the summary of the last seconds up to the latest capture; None without a frame."""
        return self._summary(self._latest)

    def _summary(self, end: float) -> Summary | None:
        if self._frames is None or self._bodies is None or self._recent is None:
            return None
        here = _within(self._frames.captured, end - self._seconds, end)
        if not bool(here.any()):
            return None
        frames = _cut(self._frames, here)
        of = _within(self._bodies.captured, end - self._seconds, end)
        relative = self._recent.relative
        bodies = self._bodies.chosen(of)
        return summarise(frames, bodies, end, self._seconds, self._period, relative)

    def _append(self, observed: Observed) -> None:
        before = self._recent
        known = observed if before is None else _joined(before, observed)
        rows = changes(known)
        if before is not None:
            rows = rows.chosen(rows.captured > before.captured[-1])
        self._bodies = rows if self._bodies is None else self._bodies.joined(rows)
        frames = Frames(
            captured=observed.captured.double(),
            output=observed.output,
            finished=torch.where(observed.output, observed.finished, torch.nan).double(),
            anybody=observed.present.any(1) & observed.output,
            stages={name: values.double() for name, values in observed.stages.items()},
        )
        self._frames = frames if self._frames is None else _frames_joined(self._frames, frames)
        outputs = known.output.nonzero().squeeze(1)
        # The last frame, too, without an output: it says when the last capture was.
        last = torch.tensor([len(known) - 1])
        few = torch.cat([outputs[-BACK:], last]).unique()
        self._recent = replace(_chosen(known, few), stages={})

    def _forget(self) -> None:
        """Drop what no later summary needs."""
        since = self._latest - self._seconds
        if self._frames is not None and self._bodies is not None:
            self._frames = _cut(self._frames, self._frames.captured > since)
            self._bodies = self._bodies.chosen(self._bodies.captured > since)


def _within(captured: Tensor, after: float, until: float) -> Tensor:
    return (captured > after) & (captured <= until)


def _cut(frames: Frames, which: Tensor) -> Frames:
    stages = {name: values[which] for name, values in frames.stages.items()}
    some = {n: getattr(frames, n)[which] for n in ("captured", "output", "finished", "anybody")}
    return Frames(**some, stages=stages)


def _frames_joined(a: Frames, b: Frames) -> Frames:
    names = ("captured", "output", "finished", "anybody")
    both = {n: torch.cat([getattr(a, n), getattr(b, n)]) for n in names}

    def stage(frames: Frames, name: str) -> Tensor:
        return frames.stages.get(name, torch.full_like(frames.captured, torch.nan))

    stages = {
        name: torch.cat([stage(a, name), stage(b, name)]) for name in {**a.stages, **b.stages}
    }
    return Frames(**both, stages=stages)


_TIMES = ("captured", "output", "finished")
_PLACES = ("present", "track_ids", "rotation", "translation", "joints", "shape", "boxes")


def _chosen(observed: Observed, which: Tensor) -> Observed:
    """Return the frames of indices, on the CPU."""

    def rows(values: Tensor) -> Tensor:
        return values[which.to(values.device)].cpu()

    some: dict[str, Any] = {n: rows(getattr(observed, n)) for n in (*_TIMES, *_PLACES)}
    stages = {name: rows(values) for name, values in observed.stages.items()}
    return replace(observed, **some, stages=stages)


def _joined(a: Observed, b: Observed) -> Observed:
    """Return frames and those that follow, with as many places as the one with more has.

    Raises `InputError` for bodies that differ in joints or shape.
    """
    for name in ("rotation", "joints", "shape"):
        one, other = getattr(a, name).shape[2], getattr(b, name).shape[2]
        if one != other:
            raise InputError(
                f"{name}: expected {one} per body as in the frames before, found {other}; "
                "measure different kinds of bodies with a meter each"
            )
    places = max(a.present.shape[1], b.present.shape[1])

    def wide(values: Tensor) -> Tensor:
        more = places - values.shape[1]
        empty = values.new_zeros(len(values), more, *values.shape[2:])
        return torch.cat([values, empty], 1)

    both: dict[str, Any] = {n: torch.cat([getattr(a, n), getattr(b, n)]) for n in _TIMES}
    for name in _PLACES:
        both[name] = torch.cat([wide(getattr(a, name)), wide(getattr(b, name))])
    return replace(b, **both, stages={})
