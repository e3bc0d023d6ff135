"""Run a graph on a stream, frame by frame; frames are dropped, never queued.

A thread reads frames, the caller's thread draws, and the page shows, each at its own pace. Between
them is a slot for the newest item only.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ... import __version__
from ...engines.errors import KinographError
from ..execution.interrupts import interrupts
from .figures import Figures, as_line
from .graph import LiveGraph, Posed
from .measure import Measures
from .page import Page
from .reader import Reader
from .record import Recordings
from .send import Senders
from .slot import Drawn, Frame, Slot, with_text
from .sources import FrameSource, Say

SCHEMA_VERSION = 1
_PATIENCE = 0.5  # seconds for the reader to end; OpenCV waits 10 for a silent camera
_WORDS = {
    "end of the source": "the source has ended",
    "time": "the time is up",
    "interrupted": "the run was stopped",
}
_POLL = 0.2  # seconds between checks of the clock while no frame arrives


@dataclass(frozen=True)
class LiveSummary:
    """What a live run did.

    showing:  the output that was shown
    ended:    "end of the source", "time", "interrupted" or "error"
    signal:   the number of the signal that interrupted it, or 0
    figures:  of the whole run, as `Figures.overall`
    recorded: the files that were recorded
    changed:  settings that viewers changed, as values of --set
    sent:     for each receiver of bodies, how many frames it was sent and missed
    failure:  the error that ended it, or None
    """

    graph: str
    source: str
    showing: str
    ended: str
    signal: int
    seconds: float
    figures: dict[str, Any]
    recorded: tuple[Path, ...] = ()
    changed: tuple[str, ...] = ()
    sent: tuple[Mapping[str, Any], ...] = ()
    failure: BaseException | None = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the run ended without an error."""
        return self.failure is None

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as data for JSON; recordings have their sha256 and size in bytes.

        "schema_version" is raised when a key changes its meaning or is removed; keys may be added
        without.
        """
        from ..execution.report import file_as_dict

        rate = self.figures["drawn"] / self.seconds if self.seconds else 0.0
        return {
            "schema_version": SCHEMA_VERSION,
            "kinograph": __version__,
            "graph": self.graph,
            "source": self.source,
            "showing": self.showing,
            "ok": self.ok,
            "ended": self.ended,
            "seconds": round(self.seconds, 3),
            **self.figures,
            "fps_out": round(rate, 1),
            "changed": list(self.changed),
            "sent": [dict(one) for one in self.sent],
            "files": [file_as_dict(path) for path in self.recorded],
            "errors": [] if self.failure is None else [str(self.failure)],
        }


@dataclass(frozen=True)
class Outlets:
    """Where pictures, figures and messages go.

    measures, senders: take the bodies of a graph that has any
    overlay: draw the latency into the pictures
    say:     called with messages, such as that a stream has reconnected
    status:  called once per second with a line of figures
    """

    figures: Figures
    page: Page | None = None
    recordings: Recordings | None = None
    measures: Measures | None = None
    senders: Senders | None = None
    overlay: bool = False
    say: Say = lambda text: None
    status: Callable[[str], None] = lambda line: None


def run_live(
    graph: LiveGraph, source: FrameSource, outlets: Outlets, seconds: float = 0.0
) -> LiveSummary:
    """Draw the frames of an open source until it ends, the time is up, or Ctrl-C is pressed.

    It blocks, and all threads have ended when it returns. A second Ctrl-C does not wait for the
    current frame. Errors are in the summary.

    graph:   prepared
    seconds: time limit; 0: none
    """
    run = _Run(graph, source, outlets)
    started = time.monotonic()
    failure: BaseException | None = None
    ended = "end of the source"
    recordings = outlets.recordings
    with interrupts(run.stop.set) as caught:
        try:
            run.begin()
            if not run.work(started + seconds if seconds else None):
                ended = "interrupted" if caught else "time"
        except Exception as error:  # goes into the summary, with what was done until then
            failure, ended = error, "error"
        finally:
            failure = run.end() or failure
    outlets.figures.end(_WORDS[ended] if failure is None else str(failure), failed=bool(failure))
    return LiveSummary(
        "",
        source.name,
        graph.shown.label,
        "error" if failure else ended,
        caught[0] if caught else 0,
        time.monotonic() - started,
        outlets.figures.overall(),
        () if recordings is None else tuple(recordings.files),
        tuple(graph.assignments()),
        () if outlets.senders is None else tuple(outlets.senders.as_list()),
        failure,
    )


class _Run:
    def __init__(self, graph: LiveGraph, source: FrameSource, outlets: Outlets):
        self.stop = threading.Event()
        self._graph = graph
        self._to = outlets
        self._slot: Slot[Frame] = Slot()
        lost = (lambda captured: None) if outlets.measures is None else outlets.measures.lost
        self._reader = Reader(source, self._slot, outlets.figures, self.stop, self._report, lost)
        self._ticker = threading.Thread(target=self._tick, name="kinograph-ticker", daemon=True)

    def begin(self) -> None:
        """Start the threads."""
        self._to.figures.begin()
        self._reader.start()
        self._ticker.start()

    def work(self, until: float | None) -> bool:
        """Draw frames; return whether the source ended."""
        while not self.stop.is_set():
            left = _POLL if until is None else min(_POLL, until - time.monotonic())
            if left <= 0:
                return False
            frame = self._slot.take(left)
            if self._to.recordings is not None:
                self._to.recordings.tend()
            if frame is not None:
                self._to.figures.processed()
                drawn = self._graph.draw(frame)
                posed = _on_cpu(self._graph.posed)
                if posed is not None and self._to.senders is not None:
                    self._to.senders.send(posed.captured, posed.bodies)
                self._hand_out(drawn)
                finished = time.monotonic()
                if posed is not None and self._to.measures is not None:
                    self._to.measures.took(
                        posed.captured, posed.bodies, finished, self._graph.stages
                    )
                for warning in self._graph.warned():
                    self._to.figures.tell(f"warning: {warning}")
                    self._to.say(f"warning: {warning}")
            elif self._slot.is_over:
                return not self.stop.is_set()  # stopping ends the source, too
        return False

    def _hand_out(self, drawn: Drawn | None) -> None:
        to = self._to
        if drawn is None:
            return
        latency = to.figures.drawn(drawn.captured, self._graph.stages)
        if to.overlay:
            rate = to.figures.now()["fps_out"]
            text = f"{latency:.0f} ms  {rate:.1f} fps"
            drawn = drawn.with_pixels(with_text(drawn.pixels, text))
        if to.page is not None:
            to.page.show(drawn)
        if to.recordings is not None:
            to.recordings.write(drawn)

    def _report(self, text: str) -> None:
        self._to.figures.tell("" if text.endswith("reconnected") else text, lasting=True)
        self._to.say(text)

    def _tick(self) -> None:
        while not self.stop.wait(1.0):
            self._to.status(as_line(self._to.figures.now()))

    def end(self) -> BaseException | None:
        """End all threads and the recording; return an error of these or of the reader."""
        self.stop.set()
        failure: BaseException | None = None
        # First, as the rest may wait for the source, and the user may press Ctrl-C again.
        if self._to.recordings is not None:
            try:
                self._to.recordings.close()
            except KinographError as error:
                failure = error
        if self._to.measures is not None:
            self._to.measures.close()
        if self._to.senders is not None:
            self._to.senders.close()
        if self._reader.ident is not None:
            self._reader.join(_PATIENCE)
            self._ticker.join()
            failure = failure or self._reader.failure
            if self._reader.is_alive():
                self._to.say("the source does not respond; it is abandoned")
        if self._slot.take(0) is not None:
            self._to.figures.dropped()
        return failure


def _on_cpu(posed: Posed | None) -> Posed | None:
    return None if posed is None else replace(posed, bodies=posed.bodies.to("cpu"))
