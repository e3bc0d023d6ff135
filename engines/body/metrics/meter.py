"""`Meter`: metrics of a clip or a stream, over the last seconds, in constant memory."""

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from .changes import BACK, Changes, changes
from .observed import Observed, check_rising
from .summary import Frames, Summary, summarise

SECONDS = 5.0
"""How far back a summary looks, in time of capture."""


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
        self._recent: Observed | None = None
        self._frames: Frames | None = None
        self._bodies: Changes | None = None
        self._latest = -math.inf

    def add(self, observed: Observed, *, every: float | None = None) -> list[Summary]:
        """Take the frames that follow, of which none may be captured before an earlier one.

        every: s of capture time; None: no summaries are returned

        Returns a summary for each multiple of `every` that these frames reach or pass: of what was
        captured until then. Whole or in parts, the same frames give the same summaries.
        """
        if every is not None and not (math.isfinite(every) and every > 0):
            raise InputError(f"every: expected a time above 0 s, found {every}")
        if not len(observed):
            return []
        observed = _on_cpu(observed)
        check_rising(observed.captured, self._latest)
        first, self._latest = self._latest, float(observed.captured[-1])
        self._append(observed)
        summaries = []
        if every is not None:
            start = float(observed.captured[0]) if math.isinf(first) else first
            begin = math.floor(start / every) + (0 if math.isinf(first) else 1)
            ticks = range(begin, math.floor(self._latest / every) + 1)
            found = (self.summary(tick * every) for tick in ticks)
            summaries = [one for one in found if one is not None]
        self._forget()
        return summaries

    def summary(self, at: float | None = None) -> Summary | None:
        """Return the summary of the last seconds before `at`, by default the latest capture; None
        if no frame was captured in them."""
        if self._frames is None or self._bodies is None or self._recent is None:
            return None
        end = self._latest if at is None else at
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
        self._recent = _chosen(known, torch.cat([outputs[-BACK:], last]).unique())

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


def _on_cpu(observed: Observed) -> Observed:
    here: dict[str, Any] = {n: getattr(observed, n).cpu() for n in (*_TIMES, *_PLACES)}
    stages = {name: values.cpu() for name, values in observed.stages.items()}
    return replace(observed, **here, stages=stages)


def _chosen(observed: Observed, which: Tensor) -> Observed:
    some: dict[str, Any] = {n: getattr(observed, n)[which] for n in (*_TIMES, *_PLACES)}
    return replace(observed, **some, stages={})


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
