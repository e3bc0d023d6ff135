"""Measure the bodies of a live run: points for charts, and records of five seconds."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ...engines.body.choices import CONDITIONS
from ...engines.errors import InputError

if TYPE_CHECKING:
    from ...engines.body.bodies import Bodies
    from ...engines.body.metrics.meter import Meter
    from ...engines.body.metrics.observed import Observed
    from ...engines.body.metrics.summary import Summary, TrackSummary
    from ...engines.body.metrics.table import Record

SECONDS = 5.0  # that a record takes
_EVERY = 0.5  # s between two points
_KEPT = 240  # points for viewers who come later: two minutes
_TRACKS = 12  # at most in a point
_LOST = 4096  # dropped frames, at most, that wait to be counted
_STEP = 1e-6  # s, the least time between two frames: some clocks are coarser than frames come


@dataclass(frozen=True)
class _Entry:
    """A captured frame: with its bodies and when they were there, or none if it was dropped."""

    captured: float
    bodies: "Bodies | None" = None
    finished: float = float("nan")
    stages: Mapping[str, float] | None = None


@dataclass
class _Recording:
    """A record that is being made of what is captured after `since`, up to `until`."""

    since: float
    until: float
    meter: "Meter"


class Measures:
    """Metrics of the last seconds, from the bodies of every frame.

    All methods may be called from any thread. Frames are measured half a second at a time, so that
    most of them wait for nothing.

    say: called with messages
    """

    def __init__(self, say: Callable[[str], None] = lambda text: None) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._lost: deque[float] = deque(maxlen=_LOST)
        self._waiting: list[_Entry] = []
        self._latest = 0.0  # capture time of the last frame that was measured
        self._start = time.monotonic()
        self._meter: Meter | None = None
        self._like: Bodies | None = None  # of the kind that dropped frames would have had
        self._rig = ""
        self._condition = CONDITIONS[0]
        self._points: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._number = 0  # of points so far
        self._recording: _Recording | None = None
        self._records: list[Record] = []

    # --- what the run gives

    def lost(self, captured: float) -> None:
        """Count a dropped frame."""
        self._lost.append(captured)

    def took(
        self,
        captured: Sequence[float],
        bodies: "Bodies",
        finished: float,
        stages: Mapping[str, float],
    ) -> None:
        """Take the bodies of successive frames, on the CPU.

        captured, finished: when each frame was captured, and when the bodies were there
        stages:             s that the stages of the last frame took
        """
        with self._lock:
            if self._waiting and _kind(self._waiting[-1]) != bodies.kind:
                self._measure()
            for number, at in enumerate(captured):
                one = bodies.slice(number, number + 1)
                self._waiting.append(_Entry(at, one, finished, stages))
            if self._waiting[-1].captured - self._waiting[0].captured >= _EVERY:
                self._measure()

    def close(self) -> None:
        """Measure what is left; a record that is being made is given up."""
        with self._lock:
            self._measure()
            given_up, self._recording = self._recording is not None, None
        if given_up:
            self._say(f"the run has ended before {SECONDS:g} s were recorded")

    # --- what viewers ask

    def set_condition(self, choice: str, text: str = "") -> str:
        """Say what the scene is like from now on; return it as records have it.

        Raises `InputError` for a choice that does not exist or a text that does not fit.
        """
        from ...engines.body.metrics.condition import condition_of

        condition = condition_of(choice, text)
        with self._lock:
            self._measure()
            self._condition = condition
        return condition

    def record(self) -> None:
        """Record the next five seconds. Raises `InputError` while that is being done already."""
        from ...engines.body.metrics.meter import Meter

        with self._lock:
            if self._recording is not None:
                raise InputError(f"{SECONDS:g} s are being recorded already; wait until it is done")
            self._measure()
            now = time.monotonic()
            self._recording = _Recording(now, now + SECONDS, Meter(seconds=SECONDS))

    def now(self) -> dict[str, Any]:
        """Return the condition, how many records there are, and how many s of one are left."""
        with self._lock:
            one = self._recording
            left = None if one is None else max(0.0, round(one.until - time.monotonic(), 1))
            return {"condition": self._condition, "records": len(self._records), "left": left}

    def points(self, after: int) -> list[dict[str, Any]]:
        """Return the points that follow that with the number `after`, as far as they are kept."""
        with self._lock:
            return [point for point in self._points if point["n"] > after]

    def table(self, *, compatible: bool) -> str:
        """Return all records as CSV, see `as_csv`."""
        from ...engines.body.metrics.table import as_csv

        with self._lock:
            records = tuple(self._records)
        return as_csv(records, compatible=compatible)

    # --- measuring, with the lock

    def _measure(self) -> None:
        if not self._waiting:
            return
        entries = self._rising()
        self._like = self._waiting[-1].bodies  # all of them are of one kind
        self._waiting = []
        for _, part in groupby(entries, self._where):
            self._measure_part(list(part))
        one = self._recording
        if one is not None and self._latest > one.until:
            self._finish(one)

    def _rising(self) -> list[_Entry]:
        """Return the frames that wait, and the dropped ones before them, by their capture times."""
        last = self._waiting[-1].captured
        lost = []
        while self._lost and self._lost[0] < last:
            lost.append(_Entry(self._lost.popleft()))
        found = []
        for entry in sorted([*self._waiting, *lost], key=lambda entry: entry.captured):
            self._latest = max(entry.captured, self._latest + _STEP)
            found.append(_Entry(self._latest, entry.bodies, entry.finished, entry.stages))
        return found

    def _where(self, entry: _Entry) -> int:
        """Return whether a frame lies before (0), in (1) or after (2) a record."""
        one = self._recording
        return 0 if one is None else (entry.captured > one.since) + (entry.captured > one.until)

    def _measure_part(self, entries: list[_Entry]) -> None:
        from ...engines.body.metrics.meter import Meter

        assert self._like is not None  # `_measure` has set it
        observed = _observed(entries, self._like)
        if self._meter is None or self._like.rig != self._rig:
            self._meter, self._rig = Meter(seconds=SECONDS), self._like.rig
        for summary in self._meter.add(observed, every=_EVERY):
            self._number += 1
            at = round(summary.at - self._start, 2)
            self._points.append(_point(summary, self._number, at, self._condition))
        one = self._recording
        if one is not None and self._where(entries[0]) == 1:
            one.meter.add(observed)

    def _finish(self, one: _Recording) -> None:
        from ...engines.body.metrics.table import Record

        self._recording = None
        summary = one.meter.summary()
        if summary is None:
            self._say(f"no frame came in the {SECONDS:g} s that were recorded")
            return
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self._records.append(Record(stamp, self._condition, summary))
        self._say(f"recorded {SECONDS:g} s: {self._condition}")


def _kind(entry: _Entry) -> Any:
    return None if entry.bodies is None else entry.bodies.kind


def _observed(entries: Sequence[_Entry], like: "Bodies") -> "Observed":
    """Return frames as a meter takes them. like: bodies of the same kind"""
    import torch

    from ...engines.body.bodies import Bodies
    from ...engines.body.metrics.observe import observe
    from ...engines.body.rig import rig_named

    rig = rig_named(like.rig)
    nobody = Bodies.empty(1, like.canvas, like.camera, rig)
    bodies = Bodies.cat([nobody if e.bodies is None else e.bodies for e in entries])
    names = dict.fromkeys(name for entry in entries for name in entry.stages or ())

    def column(of: Iterator[float]) -> torch.Tensor:
        return torch.tensor(list(of), dtype=torch.float64)

    nan = float("nan")
    stages = {name: column((e.stages or {}).get(name, nan) for e in entries) for name in names}
    return observe(
        bodies,
        rig,
        column(entry.captured for entry in entries),
        output=torch.tensor([entry.bodies is not None for entry in entries]),
        finished=column(entry.finished for entry in entries),
        stages=stages,
    )


def _point(summary: "Summary", number: int, at: float, condition: str) -> dict[str, Any]:
    """Return what charts show of a summary; None for what is not known.

    rows: of all bodies and of each track: its name, degrees per second, mm per frame of the
          translation and of the joints, variance of the shape, detection in %
    """
    rows = [_row("all", summary.everybody)]
    for one in summary.tracks[:_TRACKS]:
        rows.append(_row("none" if one.track == -1 else str(one.track), one))
    return {
        "n": number,
        "t": at,
        "condition": condition,
        "fps": _known(summary.fps),
        "latency": _known(summary.latency.p50),
        "p95": _known(summary.latency.p95),
        "rows": rows,
    }


def _row(name: str, of: "TrackSummary") -> list[Any]:
    values = [of.values[what] for what in ("pose_speed", "moved", "joint_root")]
    return [name, *map(_known, (*values, of.variance, of.detection))]


def _known(value: float) -> float | None:
    return round(value, 5) if value == value else None
