"""Summaries as a CSV table: a row for each record, or for each track in it."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...files import atomic_write
from .condition import check_condition
from .summary import Spread, Summary, TrackSummary

Cell = str | int | float | None
_Of = Callable[["Record", TrackSummary], Cell]


@dataclass(frozen=True)
class Record:
    """A summary that is to be kept.

    timestamp: when it was made, such as 2026-03-14 15:09:26
    condition: of the scene, as `condition_of` returns it

    Raises `InputError` for another condition.
    """

    timestamp: str
    condition: str
    summary: Summary

    def __post_init__(self) -> None:
        check_condition(self.condition)


# REMI's columns, with its names in its order. Its rates and distances are computed as here defined,
# not as REMI computes them; only its pose change is in its own unit, the sum over the joints of the
# distances of rotation matrices.
_COMPATIBLE: dict[str, _Of] = {
    "Timestamp": lambda r, t: r.timestamp,
    "Condition": lambda r, t: r.condition,
    "Avg Processing FPS": lambda r, t: r.summary.fps,
    "Avg End-to-End Latency (ms)": lambda r, t: r.summary.latency.mean,
    "Avg Pose Change (Euclidean Dist)": lambda r, t: t.values["chord"],
    "Avg Translation Change (mm)": lambda r, t: t.values["moved"],
    "Avg Joint Position Change (mm)": lambda r, t: t.values["joint_root"],
    "Avg Shape Param Variance": lambda r, t: t.variance,
    "Avg Detection/Tracking Rate (%)": lambda r, t: t.detection,
}


def _value(name: str) -> _Of:
    return lambda r, t: t.values[name]


_WHAT: dict[str, _Of] = {
    "Timestamp": lambda r, t: r.timestamp,
    "Condition": lambda r, t: r.condition,
}
_OURS: dict[str, _Of] = {
    "Captured until (s)": lambda r, t: r.summary.at,
    "Window (s)": lambda r, t: r.summary.seconds,
    "Track": lambda r, t: "all" if t.track is None else "none" if t.track < 0 else t.track,
    "Captured frames": lambda r, t: r.summary.captured,
    "Output frames": lambda r, t: r.summary.outputs,
    "Frames with body": lambda r, t: t.frames,
    "Compared pairs": lambda r, t: t.pairs,
    "FPS": lambda r, t: r.summary.fps,
    "FPS, 5 % quantile": lambda r, t: r.summary.fps_low,
    "Latency (ms)": lambda r, t: r.summary.latency.mean,
    "Latency, median (ms)": lambda r, t: r.summary.latency.p50,
    "Latency, 95 % (ms)": lambda r, t: r.summary.latency.p95,
    "Latency, 99 % (ms)": lambda r, t: r.summary.latency.p99,
    "Pose change (deg/frame)": _value("pose"),
    "Pose change (deg/s)": _value("pose_speed"),
    "Root rotation (deg/frame)": _value("root"),
    "Root rotation (deg/s)": _value("root_speed"),
    "Translation change (mm/frame)": _value("moved"),
    "Translation speed (m/s)": _value("speed"),
    "Translation": lambda r, t: "relative" if r.summary.relative else "absolute",
    "Joint change, root-relative (mm/frame)": _value("joint_root"),
    "Joint change (mm/frame)": _value("joint"),
    "Joint acceleration, root-relative (m/s2)": _value("acceleration_root"),
    "Joint acceleration (m/s2)": _value("acceleration"),
    "Joint jerk, root-relative (m/s3)": _value("jerk_root"),
    "Joint jerk (m/s3)": _value("jerk"),
    "Shape variance": lambda r, t: t.variance,
    "Detection rate (%)": lambda r, t: t.detection,
    "ID switches per minute": lambda r, t: r.summary.switches,
}


def as_csv(records: Sequence[Record], *, compatible: bool = False) -> str:
    """Return a table of records, with one line for the column names; what is not known is empty.

    compatible: begin with the nine columns of REMI, and give one row per record, of all bodies
                together; otherwise a row for all bodies and one for each track
    """
    stages = dict.fromkeys(name for record in records for name in record.summary.stages)
    columns = {**(_COMPATIBLE if compatible else _WHAT), **_OURS, **_stages(stages)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for record in records:
        everybody, tracks = record.summary.everybody, record.summary.tracks
        for row in (everybody,) if compatible else (everybody, *tracks):
            writer.writerow(_text(of(record, row)) for of in columns.values())
    return text.getvalue()


def write_csv(records: Sequence[Record], path: Path, *, compatible: bool = False) -> None:
    """Write `as_csv` as a file. Raises `MediaError` for a path that cannot be written."""
    with atomic_write(path) as aside:
        aside.write_text(as_csv(records, compatible=compatible), encoding="utf-8", newline="")


def _stages(names: Iterable[str]) -> dict[str, _Of]:
    columns: dict[str, _Of] = {}
    for name in names:
        columns[f"{name} (ms)"] = _stage(name, "mean")
        columns[f"{name}, 95 % (ms)"] = _stage(name, "p95")
    return columns


def _stage(name: str, which: str) -> _Of:
    def of(record: Record, track: TrackSummary) -> Cell:
        spread: Spread | None = record.summary.stages.get(name)
        found: float | None = None if spread is None else getattr(spread, which)
        return found

    return of


def _text(value: Cell) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
