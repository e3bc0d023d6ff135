"""Long work on engines beside ComfyUI's queue: one job at a time, in a thread of its own."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ...engines.errors import InputError, KinographError

_EVERY = 0.25  # s between two words of progress


class CancelledError(Exception):
    """The user has cancelled. No `KinographError`: those make "auto" try the next backend."""


@dataclass
class Job:
    """What is going on, or was.

    kind:  verify or build
    about: names of engines, or of the model
    state: running, done, failed or cancelled
    text:  how far it is, then what came out of it, or why it failed
    """

    kind: str
    about: list[str]
    state: str = "running"
    text: str = ""
    started: float = field(default_factory=time.time)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Jobs:
    """Starts jobs and says what becomes of them.

    tell: called with each news of the job, from any thread
    """

    def __init__(self, tell: Callable[[Job], None]):
        self.last: Job | None = None
        self._tell = tell
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._told = 0.0

    def start(self, kind: str, about: list[str], work: Callable[["Jobs"], str]) -> Job:
        """Begin `work`, which returns the words at the end. Raises `InputError` when another is
        not done yet."""
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
        """Say how far the job is. Raises `CancelledError`."""
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
