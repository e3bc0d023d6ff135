"""`Summary`: what frames and bodies of some seconds amount to."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ...geometry.boxes import iou
from ...sequence import state_type
from .changes import MEASURES, Changes

_LONGEST_GAP = 1.5  # periods between two outputs that are compared
_SAME_PLACE = 0.3  # IoU of the boxes of a track that ends and one that begins there
_SOON = 1.0  # s between them


@dataclass(frozen=True)
class Spread:
    """A time in ms: mean, median, and what 95 % and 99 % of the frames do not exceed; NaN where
    nothing is known."""

    mean: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class TrackSummary:
    """Bodies of one track, or of all.

    track:     its id, -1 = bodies without a track, None = all of them
    frames:    how many outputs it is in
    pairs:     how many pairs of outputs were compared
    detection: % of the captured frames, since the first that it is in, that have it in an output;
               for all of them: % of the captured frames that have a body in an output
    variance:  of the parameters of the shape over time, their mean; for all: mean over the tracks
    values:    means of `MEASURES` over the pairs; NaN where there are none
    """

    track: int | None
    frames: int
    pairs: int
    detection: float
    variance: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class Summary:
    """The frames captured in the last `seconds` up to `at` (s); NaN stands for what is not known.

    captured, outputs: how many frames, and how many of them have an output
    period:    s, the usual time between two outputs
    fps:       finished outputs per second
    fps_low:   what 95 % of the outputs' own frame rates (1 / time since the last) are not below
    latency:   from capture to finished output
    stages:    the part of it that each stage took
    switches:  id switches a minute: a track begins where another has ended within a second
    relative:  whether translation, and what follows from it, is right up to a factor only
    everybody: all tracks together
    tracks:    one after the other, by id
    """

    at: float
    seconds: float
    captured: int
    outputs: int
    period: float
    fps: float
    fps_low: float
    latency: Spread
    stages: Mapping[str, Spread]
    switches: float
    relative: bool
    everybody: TrackSummary
    tracks: tuple[TrackSummary, ...]

    def as_json(self) -> str:
        """Return the same as JSON, with null for NaN."""
        return json.dumps(_without_nan(asdict(self)), allow_nan=False)


@state_type()
@dataclass(frozen=True)
class Frames:
    """F captured frames; fields as in `Observed`, and `anybody` [F] bool: with a body in it."""

    captured: Tensor
    output: Tensor
    finished: Tensor
    anybody: Tensor
    stages: Mapping[str, Tensor]


def summarise(
    frames: Frames, bodies: Changes, at: float, seconds: float, period: float | None, relative: bool
) -> Summary:
    """Return the summary of frames, at least one, and the bodies in their outputs.

    period: s between outputs; None: the lower quartile of the times between them
    """
    times = frames.captured[frames.output]
    between = times[1:] - times[:-1]
    usual = _quantile(between, 0.25) if period is None else period
    finished = frames.finished[frames.finished.isfinite()].sort().values
    waits = finished[1:] - finished[:-1]
    # Frames can finish at the same time, after a batch: only their number over time says a rate.
    rate = len(waits) / float(waits.sum()) if float(waits.sum()) > 0 else torch.nan
    slowest = _quantile(waits, 0.95)
    covered = float(frames.captured[-1] - frames.captured[0]) + (usual if usual == usual else 0.0)
    everybody, tracks = _by_track(frames, bodies, usual)
    return Summary(
        at=at,
        seconds=seconds,
        captured=len(frames.captured),
        outputs=int(frames.output.sum()),
        period=usual,
        fps=rate,
        fps_low=1 / slowest if slowest > 0 else torch.nan,
        latency=_spread(frames.finished - frames.captured),
        stages={name: _spread(values) for name, values in frames.stages.items()},
        switches=60 * _switches(bodies) / covered if covered > 0 else torch.nan,
        relative=relative,
        everybody=everybody,
        tracks=tracks,
    )


def _by_track(
    frames: Frames, bodies: Changes, period: float
) -> tuple[TrackSummary, tuple[TrackSummary, ...]]:
    ids, group = bodies.track.unique(return_inverse=True)
    count = len(ids)
    needed = torch.tensor(list(MEASURES.values())) - 1
    # The clock of a camera jitters by less than the share of a period that is left here.
    valid = bodies.gaps[:, needed] <= _LONGEST_GAP * period
    valid &= bodies.values.isfinite()
    values = torch.where(valid, bodies.values, 0.0)
    total = values.new_zeros(count, len(MEASURES)).index_add_(0, group, values)
    number = torch.zeros(count, len(MEASURES), dtype=torch.float64)
    number.index_add_(0, group, valid.double())
    seen = torch.bincount(group, minlength=count)
    first = torch.full((count,), torch.inf, dtype=torch.float64)
    first = first.scatter_reduce(0, group, bodies.captured, "amin")
    since = (frames.captured >= first[:, None]).sum(1)
    variance = _variances(bodies.shape, group, seen)
    pairs = torch.zeros(count, dtype=torch.int64)
    pairs.index_add_(0, group, (bodies.gaps[:, 0] <= _LONGEST_GAP * period).long())
    rows = zip(
        ids.tolist(),
        seen.tolist(),
        pairs.tolist(),
        (100 * seen / since).tolist(),
        variance.tolist(),
        (total / number).tolist(),
        strict=True,
    )
    tracks = tuple(
        TrackSummary(track, size, several, share, spread, dict(zip(MEASURES, means, strict=True)))
        for track, size, several, share, spread, means in rows
    )
    known = variance[variance.isfinite()]
    means = (total.sum(0) / number.sum(0)).tolist()
    everybody = TrackSummary(
        track=None,
        frames=int(frames.anybody.sum()),
        pairs=int(pairs.sum()),
        detection=100 * float(frames.anybody.double().mean()),
        variance=float(known.mean()) if len(known) else torch.nan,
        values=dict(zip(MEASURES, means, strict=True)),
    )
    return everybody, tracks


def _variances(shape: Tensor, group: Tensor, seen: Tensor) -> Tensor:
    """Return the mean [T] over parameters [N,S] of their variance in each group; NaN of less than
    two."""
    number = seen.double()[:, None]
    sums = shape.new_zeros(len(seen), shape.shape[1])
    mean = sums.index_add(0, group, shape) / number
    spread = sums.index_add(0, group, (shape - mean[group]) ** 2) / number
    return torch.where(seen > 1, spread.mean(1), torch.nan)


def _switches(bodies: Changes) -> int:
    """Return how many tracks begin where another one ended within the last second."""
    track, size = bodies.track.unique_consecutive(return_counts=True)
    if len(track) < 2:
        return 0
    last = size.cumsum(0) - 1
    first = last - size + 1
    wait = bodies.captured[first][:, None] - bodies.captured[last]
    close = iou(bodies.boxes[first][:, None], bodies.boxes[last]) >= _SAME_PLACE
    return int((close & (wait > 0) & (wait <= _SOON)).any(1).sum())


def _spread(seconds: Tensor) -> Spread:
    known = seconds[seconds.isfinite()] * 1000
    mean = float(known.mean()) if len(known) else torch.nan
    return Spread(mean, *(_quantile(known, q) for q in (0.5, 0.95, 0.99)))


def _quantile(values: Tensor, q: float) -> float:
    return float(values.quantile(q)) if len(values) else torch.nan


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if value == value else None
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    return [_without_nan(each) for each in value] if isinstance(value, list | tuple) else value
