"""The queue of a batch: what to attempt next, and the results of the attempts.

An attempt works in its own folder. Only the queue, which lives in one process, renames that to
the input's folder and records it. A worker that dies, or responds late, therefore leaves nothing
incomplete and nothing twice.
"""

from __future__ import annotations

import heapq
import re
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ... import __version__
from ...engines.errors import InputError
from ...engines.files import remove
from ..chunked.journal import NAME as JOURNAL
from .attempt import AttemptResult, Job
from .manifest import Item, Manifest, Output, Worker, file_of
from .stamps import stat_of
from .standing import Course, Standing

_MAX_PAUSE = 30.0  # seconds between two attempts at an input


class StoppedError(InputError):
    """The batch cannot go on; what is done is kept."""


@dataclass(frozen=True)
class Task:
    """An attempt to make: the file, and the folder to write into."""

    path: Path
    folder: Path


class Queue:
    """Schedules attempts at inputs, and records their results in the manifest.

    pending:   paths of the entries to process, in order
    retries:   further attempts at an input that fails, in this run
    fail_fast: start nothing new after an input has finally failed
    pause:     seconds before the second attempt; doubled for each further one, at most 30
    say:       called with the entry after each attempt, and the progress of the batch
    total:     number of inputs, with those that earlier runs have done; default: the pending ones
    signals:   the numbers of the signals that have come to stop the run
    """

    def __init__(
        self,
        manifest: Manifest,
        job: Job,
        pending: Sequence[str],
        *,
        retries: int = 2,
        fail_fast: bool = False,
        pause: float = 1.0,
        say: Callable[[Item, Standing], None] = lambda item, standing: None,
        total: int = 0,
        signals: Sequence[int] = (),
    ):
        self.manifest = manifest
        self._job = job
        self._retries = retries
        self._fail_fast = fail_fast
        self._pause = pause
        self._say = say
        sizes = {path: stat_of(Path(path))[0] for path in pending}
        self._course = Course(sizes, total or len(pending))
        self._signals = signals
        self._failures: dict[str, int] = {}
        self._recipe = job.recipe
        self._left = _left_over(manifest)  # attempt folders of killed runs, by the input's folder
        self._waiting = [(0.0, place, path) for place, path in enumerate(pending)]  # a heap

    @property
    def standing(self) -> Standing:
        """The progress of the batch."""
        return self._course.now

    def wait(self) -> float | None:
        """Return the seconds until an attempt may start, or None if none is left to start."""
        if not self._waiting:
            return None
        return max(0.0, self._waiting[0][0] - time.monotonic())

    def take(self, worker: Worker | None = None, *, resume: bool = False) -> Task | None:
        """Start the next attempt if one is due; report it to `settle` or `drop`.

        worker: who makes the attempt
        resume: let an interrupted chunked run resume in its folder; only if nobody can still be
                writing into that, so not with workers on other machines
        """
        if self.wait() != 0.0:
            return None
        _, _, path = heapq.heappop(self._waiting)
        item = self.manifest.items[path]
        kept = self._kept(item, resume)
        remove_outputs(self.manifest.folder, item)
        size, mtime_ns = stat_of(Path(path))
        item = replace(
            item,
            status="pending",
            size=size,
            mtime_ns=mtime_ns,
            attempts=item.attempts + 1,
            begun=max(item.begun, item.attempts) + 1,
            recipe=self._recipe,
            kinograph=__version__,
            worker=worker,
            outputs=(),
            warnings=(),
        )
        self.manifest.put(item)
        folder = kept or self.manifest.folder / f".{item.folder}.attempt-{item.begun}"
        if kept is None:
            folder.mkdir()  # must be new, as everything in it becomes an output
        return Task(Path(path), folder)

    def settle(self, task: Task, outcome: AttemptResult) -> None:
        """Record the result of an attempt: publish its files, or schedule another attempt.

        Raises `KeyboardInterrupt` for one that failed because the user stopped the run, after
        dropping it.
        """
        if outcome.error and self._signals:
            self.drop(task, resume=True)
            raise KeyboardInterrupt
        path = str(task.path)
        item = self.manifest.items[path]
        if not outcome.error:
            outcome = self._published(item, task.folder, outcome)
        item = replace(item, **_recorded(outcome))
        if not outcome.error:
            item = replace(item, status="done")
        else:
            item = self._retry(item, final=outcome.final)
            shutil.rmtree(task.folder, ignore_errors=True)
        if item.status == "failed" and self._fail_fast:
            self._waiting.clear()
        self.manifest.put(item)
        if item.status != "pending":
            self._course.end(path)
        self._say(item, self.standing)

    def drop(self, task: Task, *, resume: bool = False) -> None:
        """Drop an attempt that the user stopped, which does not count; with `resume` the next one
        may continue it."""
        item = self.manifest.items[str(task.path)]
        self.manifest.put(replace(item, attempts=item.attempts - 1))
        if not (resume and self._job.chunk):
            shutil.rmtree(task.folder, ignore_errors=True)

    def finish(self) -> None:
        """Write the manifest, and remove what abandoned workers have left since."""
        self.manifest.save()
        pending = {i.folder for i in self.manifest.items.values() if i.status == "pending"}
        for name, folders in _left_over(self.manifest).items():
            if not (self._job.chunk and name in pending):
                _remove(folders)

    def _published(self, item: Item, made: Path, outcome: AttemptResult) -> AttemptResult:
        """Move an attempt's files to the input's folder; an error is in the returned result."""
        where = self.manifest.folder / item.folder
        outputs = tuple(replace(o, path=f"{item.folder}/{o.path}") for o in outcome.outputs)
        # Recorded first, so that files which a kill leaves half moved are known, and removed.
        intended = replace(item, outputs=outputs)
        self.manifest.put(intended)
        try:
            _publish(made, where, outcome.outputs)
        except OSError as error:
            with suppress(OSError):
                remove_outputs(self.manifest.folder, intended)
            text = f"{file_of(error)}: cannot be written ({error.strerror or error})"
            return replace(outcome, error=text, outputs=())
        return replace(outcome, outputs=outputs)

    def _retry(self, item: Item, *, final: bool) -> Item:
        failures = self._failures[item.path] = self._failures.get(item.path, 0) + 1
        if final or failures > self._retries:
            return replace(item, status="failed")
        due = time.monotonic() + min(_MAX_PAUSE, self._pause * 2 ** (failures - 1))
        heapq.heappush(self._waiting, (due, -failures, item.path))
        return item

    def _kept(self, item: Item, resume: bool) -> Path | None:
        """Return the folder of an interrupted chunked run that can be resumed, or None."""
        folders = self._left.pop(item.folder, [])
        same = (item.recipe, item.kinograph) == (self._recipe, __version__)
        unchanged = stat_of(Path(item.path)) == (item.size, item.mtime_ns)
        resumable = resume and self._job.chunk > 0 and same and unchanged and folders
        # Without a journal its state is unknown: it may be complete, but not published.
        keep = folders.pop() if resumable and any(folders[-1].rglob(f"*.parts/{JOURNAL}")) else None
        _remove(folders)
        return keep


def _recorded(outcome: AttemptResult) -> dict[str, Any]:
    """Return what a result changes in its entry; what a lost worker could not report stays."""
    values = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
    for name in ("internal", "final"):
        del values[name]
    if outcome.worker is None:
        del values["worker"]
    if not outcome.sha256:
        del values["size"], values["mtime_ns"], values["sha256"]
    return values


def _left_over(manifest: Manifest) -> dict[str, list[Path]]:
    """Return folders of attempts, oldest first, by the input's folder."""
    attempts: dict[str, list[tuple[int, Path]]] = {}
    known = {item.folder for item in manifest.items.values()}
    for path in manifest.folder.iterdir():
        match = re.fullmatch(r"\.(.+)\.attempt-(\d+)", path.name, re.DOTALL)
        if match and match[1] in known and _is_folder(path):
            attempts.setdefault(match[1], []).append((int(match[2]), path))
    return {name: [path for _, path in sorted(folders)] for name, folders in attempts.items()}


def _remove(folders: Sequence[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def remove_outputs(root: Path, item: Item) -> None:
    """Remove the files that an entry records, and folders that are then empty; nothing else."""
    for output in item.outputs:
        (root / output.path).unlink(missing_ok=True)
    folder = root / item.folder
    below = sorted(folder.rglob("*"), reverse=True)
    for part in [*below, folder]:  # deepest first
        if _is_folder(part) and not any(part.iterdir()):
            part.rmdir()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _publish(made: Path, folder: Path, outputs: Sequence[Output]) -> None:
    """Move an attempt's files to the input's folder, and remove what else lies there."""
    if made.is_dir() and not folder.exists():
        wanted = {made / output.path for output in outputs}
        wanted |= {parent for path in wanted for parent in path.parents}
        for path in sorted(made.rglob("*")):
            if path not in wanted:
                remove(path)
        made.rename(folder)
    else:  # files of the user are there, or those of an attempt killed in between
        for output in outputs:
            target = folder / output.path
            target.parent.mkdir(parents=True, exist_ok=True)
            (made / output.path).replace(target)
        shutil.rmtree(made, ignore_errors=True)
