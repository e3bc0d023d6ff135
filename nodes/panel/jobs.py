"""Long work on engines outside ComfyUI's queue: one job at a time, in its own thread."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ...engines.errors import InputError, KinographError

_EVERY = 0.25  # s, at least, between two reports of progress


class CancelledError(Exception):
    """The user has cancelled.

    Not a `KinographError`, which would make backend "auto" try the next one.
    """


@dataclass
class Job:
    """A job that is running or has ended.

    kind:  verify or build
    about: names of engines, or of the model
    state: running, done, failed or cancelled
    text:  its progress; at the end its result, or why it failed
    """

    kind: str
    about: list[str]
    state: str = "running"
    text: str = ""
    started: float = field(default_factory=time.time)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Jobs:
    """Starts jobs and reports their progress.

    tell: called with the job on every change, from any thread
    """

    def __init__(self, tell: Callable[[Job], None]):
        self.last: Job | None = None
        self._tell = tell
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._told = 0.0

    def start(self, kind: str, about: list[str], work: Callable[["Jobs"], str]) -> Job:
        """Start `work`, which returns the text of its result.

        Raises `InputError` if another job is running.
        """
        with self._lock:
            self.check_free()
            self._cancelled.clear()
            job = self.last = Job(kind, about)
        threading.Thread(target=self._run, args=(job, work), daemon=True).start()
        return job

    def check_free(self) -> None:
        """Raise `InputError` while a job is running."""
        if self.last is not None and self.last.state == "running":
            raise InputError(f"{self.last.kind} is running; wait for it, or cancel it")

    def cancel(self) -> None:
        """Ask the job to end at its next step."""
        self._cancelled.set()

    def step(self, text: str) -> None:
        """Report the progress of the job. Raises `CancelledError` if the user has cancelled it."""
        if self._cancelled.is_set():
            raise CancelledError
        assert self.last is not None
        self.last.text = text
        now = time.monotonic()
        if now - self._told >= _EVERY:
            self._told = now
            self._tell(self.last)

    def _run(self, job: Job, work: Callable[["Jobs"], str]) -> None:
        state, text = "failed", "it ended with a defect of Kinograph; the log says more"
        try:
            state, text = "done", work(self)
        except CancelledError:
            state, text = "cancelled", ""
        except KinographError as error:
            state, text = "failed", str(error)
        finally:
            job.text, job.state = text, state
            self._tell(job)
