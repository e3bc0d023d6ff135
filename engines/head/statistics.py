"""Statistics of heads: who is there for how long, which way they look, how fast they turn."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..geometry import rotations
from ..words import counted
from .angles import angles
from .heads import Heads

_TABLE = 40  # lines at most
_HEADINGS = (
    f"{'track':>6}{'frames':>8}{'score':>7}"
    + "".join(f"{name:>9}{'from':>7}{'to':>7}" for name in ("yaw", "pitch", "roll"))
    + f"{'°/frame':>10}{'jitter':>8}"
)
_ANGLES = ("yaw", "pitch", "roll")


@dataclass(frozen=True)
class HeadStatistics:
    """Numbers of F frames with heads of T tracks; [T] on the CPU, NaN where there is nothing to
    measure.

    frames:     F
    with_heads: in how many of them a head is
    heads:      how many heads there are in all of them
    most:       how many at once
    crowded:    whether a frame has several heads without a track
    tracks:     [T] int64, rising; -1 stands for heads without a track
    seen:       [T] int64, in how many frames
    first, last: [T] int64, the first and the last of them
    score:      [T] mean
    mean, least, greatest: [T,3] degrees of yaw, pitch and roll; beyond 180 where they turn past it
    speed, fastest: [T] degrees per frame, mean and highest, between frames that follow each other
    jitter:     [T] degrees, the mean angle between a head and the middle of its neighbours in time
    """

    frames: int
    with_heads: int
    heads: int
    most: int
    crowded: bool
    tracks: Tensor
    seen: Tensor
    first: Tensor
    last: Tensor
    score: Tensor
    mean: Tensor
    least: Tensor
    greatest: Tensor
    speed: Tensor
    fastest: Tensor
    jitter: Tensor

    @property
    def share(self) -> float:
        """The share of frames with a head, 0..1."""
        return self.with_heads / self.frames if self.frames else 0.0

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per track; None where there is nothing to measure."""
        columns: dict[str, Tensor] = {
            "track": self.tracks,
            "frames": self.seen,
            "first": self.first,
            "last": self.last,
            "score": self.score,
            "speed": self.speed,
            "fastest": self.fastest,
            "jitter": self.jitter,
        }
        for number, name in enumerate(_ANGLES):
            for how, values in (("mean", self.mean), ("min", self.least), ("max", self.greatest)):
                columns[f"{name}_{how}"] = values[:, number]
        lists = zip(*(values.tolist() for values in columns.values()), strict=True)
        return [
            {name: None if v != v else v for name, v in zip(columns, row, strict=True)}
            for row in lists
        ]


def without_landmarks(heads: Heads) -> Heads:
    """Return what statistics need of heads: a few bytes of each, on the CPU."""
    return replace(heads, landmarks=heads.landmarks[:, :, :0]).to("cpu")


def head_statistics(heads: Heads) -> HeadStatistics:
    """Measure heads by track.

    Heads without a track count as one if no frame has two of them; otherwise nobody knows which
    belong together, and they have no speed and no jitter.
    """
    here = without_landmarks(heads)
    there = here.present
    frame, place = there.nonzero().unbind(1)
    track = here.track_ids[frame, place]
    loose = torch.bincount(frame[track < 0], minlength=len(here))
    crowded = bool((loose > 1).any())
    by_track = track.argsort(stable=True)  # and by frame, as they came
    frame, place, track = frame[by_track], place[by_track], track[by_track]
    tracks, group, size = track.unique_consecutive(return_inverse=True, return_counts=True)
    count = len(tracks)

    def mean_of(values: Tensor, which: Tensor) -> Tensor:
        """Return means [T,...] of values [N,...] by group; NaN of none."""
        total = values.new_zeros(count, *values.shape[1:]).index_add_(0, which, values)
        number = torch.bincount(which, minlength=count).to(values.dtype)
        return total / number.view(-1, *[1] * (values.ndim - 1))

    def most_of(values: Tensor, which: Tensor, how: str) -> Tensor:
        index = which.view(-1, *[1] * (values.ndim - 1)).expand_as(values)
        empty = values.new_full((count, *values.shape[1:]), torch.nan)
        return empty.scatter_reduce(0, index, values, how, include_self=False)

    turns = here.rotation[frame, place].double()
    degrees = angles(turns)
    around = torch.deg2rad(degrees)
    middle = torch.atan2(mean_of(around.sin(), group), mean_of(around.cos(), group)).rad2deg()
    off = (degrees - middle[group] + 180) % 360 - 180  # across 180 degrees, too
    follows = (group[1:] == group[:-1]) & (frame[1:] == frame[:-1] + 1)
    if crowded:
        follows &= track[1:] >= 0
    quaternions = rotations.to_quaternions(turns)
    pair = follows.nonzero().squeeze(1)
    step = rotations.between(quaternions[pair], quaternions[pair + 1]).norm(dim=-1).rad2deg()
    triple = (follows[1:] & follows[:-1]).nonzero().squeeze(1)
    half = torch.full((len(triple), 1), 0.5, dtype=turns.dtype)
    between = rotations.slerp(quaternions[triple], quaternions[triple + 2], half)
    bent = rotations.between(quaternions[triple + 1], between).norm(dim=-1).rad2deg()
    last = size.cumsum(0) - 1
    distinct = torch.cat([frame.new_ones(min(1, len(frame))), (frame[1:] != frame[:-1]).long()])
    distinct[(last[:-1] + 1)] = 1  # the first of each track
    return HeadStatistics(
        frames=len(here),
        with_heads=int((here.count > 0).sum()),
        heads=int(here.count.sum()),
        most=int(here.count.max()) if len(here) else 0,
        crowded=crowded,
        tracks=tracks,
        seen=torch.zeros_like(tracks).index_add_(0, group, distinct),
        first=frame[last - size + 1],
        last=frame[last],
        score=mean_of(here.scores[frame, place].double(), group),
        mean=middle + mean_of(off, group),
        least=middle + most_of(off, group, "amin"),
        greatest=middle + most_of(off, group, "amax"),
        speed=mean_of(step, group[pair]),
        fastest=most_of(step, group[pair], "amax"),
        jitter=mean_of(bent, group[triple]),
    )


def in_words(found: HeadStatistics) -> str:
    """Return what people want to know at a glance, in one line."""
    return (
        f"{counted(found.frames, 'frame')}, {counted(found.with_heads, 'frame')} with heads "
        f"({found.share:.1%}), at most {counted(found.most, 'head')} at once"
    )


def as_table(found: HeadStatistics) -> str:
    """Return lines of text: the whole clip, and one per track, at most 40."""
    rows = found.rows()
    lines = [_line(row) for row in rows[:_TABLE]]
    if len(rows) > _TABLE:
        lines.append(f"... and {counted(len(rows) - _TABLE, 'track')} more")
    return "\n".join([in_words(found), *([_HEADINGS, *lines] if rows else [])])


def as_json(found: HeadStatistics) -> str:
    """Return the same as JSON: figures of the clip, and `tracks`, one object per track."""
    return json.dumps(
        {
            "frames": found.frames,
            "frames_with_heads": found.with_heads,
            "share": found.share,
            "heads": found.heads,
            "most_at_once": found.most,
            "tracks": found.rows(),
        }
    )


def _line(row: Mapping[str, Any]) -> str:
    name = "none" if row["track"] < 0 else str(row["track"])
    cells: Sequence[str] = [
        f"{name:>6}{row['frames']:>8}{row['score']:>7.2f}",
        *(
            f"{_shown(row[f'{angle}_mean'], 1):>8}°{_shown(row[f'{angle}_min'], 0):>7}"
            f"{_shown(row[f'{angle}_max'], 0):>7}"
            for angle in _ANGLES
        ),
        f"{_shown(row['speed'], 2):>10}{_shown(row['jitter'], 2):>8}",
    ]
    return "".join(cells)


def _shown(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{round(value, decimals) + 0.0:.{decimals}f}"
