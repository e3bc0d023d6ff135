"""Run a batch: process the inputs that an output folder still lacks, and summarise."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import InputError, MediaError
from ...engines.files import own
from ..execution.interrupts import interrupts
from .attempt import Job, attempt
from .inputs import bound
from .manifest import JOURNAL, NAME, Header, Item, Manifest, file_of, read_manifest
from .pending import find_pending
from .queue import Queue, StoppedError, remove_outputs
from .standing import Standing

if TYPE_CHECKING:
    from ..execution.outcome import Progress

_LOCK = ".batch.lock"
_MAX_NAME = 200  # bytes of the name of an input's folder


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is run.

    retries:      further attempts at an input that fails
    pause:        seconds before the first of them
    fail_fast:    start nothing new after an input has finally failed
    retry_failed: retry inputs that failed in an earlier run
    restart:      remove what the manifest records, and start over
    """

    retries: int = 2
    pause: float = 1.0
    fail_fast: bool = False
    retry_failed: bool = False
    restart: bool = False


@dataclass(frozen=True)
class BatchSummary:
    """The result of one run of a batch, over its inputs.

    manifest:    the path of the manifest
    done:        number of inputs that this run processed
    skipped:     number of inputs that an earlier run processed, with outputs that are intact
    pending:     number of inputs that are not processed, as the run was interrupted
    frames:      number of frames of the inputs that this run processed
    seconds:     wall-clock time of the run
    slowest:     path and seconds of the slowest input, or None
    errors:      messages by path
    remarks:     why inputs were processed again
    interrupted: whether the user stopped the run
    signal:      the number of the signal that stopped it, or 0
    stopped:     why the run ended before all was done, "" if it did not or the user stopped it
    """

    manifest: str
    inputs: int
    done: int
    skipped: int
    failed: int
    pending: int
    frames: int
    seconds: float
    slowest: tuple[str, float] | None
    errors: dict[str, str]
    remarks: tuple[str, ...]
    interrupted: bool
    signal: int = 0
    stopped: str = ""

    @property
    def frames_per_second(self) -> float:
        """Frames per second of wall-clock time."""
        return self.frames / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as data for JSON."""
        return {**asdict(self), "frames_per_second": round(self.frames_per_second, 3)}


def run_batch(
    job: Job,
    paths: Sequence[Path],
    folder: Path,
    header: Header,
    options: BatchOptions = BatchOptions(),
    *,
    run: Callable[[Queue, Job], None] | None = None,
    say: Callable[[Item, Standing], None] = lambda item, standing: None,
) -> BatchSummary:
    """Run the graph once for each path that is not done yet, into subfolders of `folder`.

    paths:  absolute, without duplicates
    header: what the manifest records of the batch
    run:    processes the queue; default: in this process, one input after the other
    say:    called with the entry after each attempt, and the progress of the batch

    SIGINT and SIGTERM end it after the attempt is dropped. Raises `InputError` for the folder of
    another graph, and if another batch is running in it; `GraphError` if the graph cannot run at
    all.
    """
    started = time.monotonic()
    with _locked(folder), interrupts(_interrupt) as signals:
        if options.restart:  # first, so that nothing is removed for a graph that cannot run
            _check(job, paths)
        manifest = _opened(folder, header, options)
        _name(manifest, paths)
        keys = [str(path) for path in paths]
        left, remarks = find_pending(manifest, keys, job.recipe, retry_failed=options.retry_failed)
        if left:
            _check(job, [Path(key) for key in left])
        for key in left:
            manifest.items[key] = replace(manifest.items[key], status="pending", error="")
        manifest.save()
        queue = Queue(
            manifest,
            job,
            left,
            retries=options.retries,
            fail_fast=options.fail_fast,
            pause=options.pause,
            say=say,
            total=len(keys),
            signals=signals,
        )
        interrupted, stopped = False, ""
        try:
            if left:
                (run or run_here)(queue, job)
        except KeyboardInterrupt:
            interrupted = True
        except StoppedError as error:
            stopped = str(error)
        finally:
            queue.finish()
    seconds = time.monotonic() - started
    summary = _summary(manifest, keys, set(left), seconds, tuple(remarks))
    number = signals[0] if signals else 0
    return replace(summary, interrupted=interrupted, signal=number, stopped=stopped)


def _interrupt() -> None:
    raise KeyboardInterrupt


def run_here(
    queue: Queue, job: Job, progress: Callable[[Path, Standing], Progress] | None = None
) -> None:
    """Process the queue in this process, keeping engines warm.

    progress: returns what makes the progress bars of an attempt, from the input and the progress of
              the batch
    """
    from .cache import WarmCache

    cache = WarmCache()
    while (wait := queue.wait()) is not None:
        time.sleep(wait)
        task = queue.take(resume=True)
        if task is None:
            continue
        try:
            bars = None if progress is None else progress(task.path, queue.standing)
            outcome = attempt(job, task.path, task.folder, cache, bars)
        except BaseException:
            queue.drop(task, resume=True)
            raise
        queue.settle(task, outcome)
        if outcome.internal:
            cache = WarmCache()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder. Raises `InputError` if another batch is running in it."""
    import filelock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(own(folder / _LOCK), timeout=0):
            yield
    except filelock.Timeout as error:
        raise InputError(
            f"{folder}: another kinograph batch is running in this folder; wait for it, or choose "
            "another --output-dir"
        ) from error
    except OSError as error:
        if error.filename is None:
            raise  # not about a file, e.g. a closed pipe
        raise MediaError(f"{file_of(error)}: cannot be written ({error.strerror})") from error


def _opened(folder: Path, header: Header, options: BatchOptions) -> Manifest:
    """Return the manifest of the folder for this graph, as the last run left it."""
    old = read_manifest(folder)
    if old is None:
        return Manifest(folder, header)
    if options.restart:
        for item in old.items.values():
            remove_outputs(folder, item)
        (folder / JOURNAL).unlink(missing_ok=True)  # before the manifest: it belongs to the old one
        # Folders with files of the user stay, and stay the folders of their inputs.
        kept = [i for i in old.items.values() if (folder / i.folder).exists()]
        return Manifest(folder, header, [Item(i.path, i.folder) for i in kept])
    if old.header.graph_sha256 != header.graph_sha256:
        raise InputError(
            f"{folder}: holds the results of another graph ({old.header.graph}, sha256 "
            f"{old.header.graph_sha256[:12]}; this one: {header.graph}, "
            f"{header.graph_sha256[:12]}), or of another --input ({old.header.input}; now "
            f"{header.input}); choose another --output-dir, or use --restart to remove "
            "those results and start over"
        )
    if old.header.reading != header.reading:
        raise InputError(
            f"{folder}: holds the results of videos read {old.header.reading or 'whole'}, now "
            f"{header.reading or 'whole'}; choose another --output-dir, or use --restart to remove "
            "those results and start over"
        )
    return Manifest(folder, header, old.items.values())


def _name(manifest: Manifest, paths: Sequence[Path]) -> None:
    """Give every new input an entry and a folder.

    The folder has the name of the file without suffix, numbered if that is taken. Names are
    assigned in the order of the paths, so that the order on the command line does not matter.

    Raises `InputError` for a folder that exists but is not part of this batch.
    """
    taken = {item.folder.casefold() for item in manifest.items.values()}
    taken |= {NAME, JOURNAL}
    for path in sorted(paths):
        if str(path) in manifest.items:
            continue
        # An attempt's folder has a longer name, and file systems allow 255 bytes.
        stem = os.fsencode(path.stem.lstrip("."))[:_MAX_NAME].decode(errors="replace")
        stem = stem.rstrip(". ") or "input"
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        folder = manifest.folder / name
        if folder.exists():
            raise InputError(
                f"{folder}: exists already, but {manifest.path} does not list it; choose another "
                "--output-dir, or move the folder away"
            )
        manifest.items[str(path)] = Item(str(path), name)


def _check(job: Job, paths: Sequence[Path]) -> None:
    """Check the graph with the first file that exists, before anything runs."""
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        return
    from ...nodes.standin import host
    from ..graph.catalogue import catalogue
    from ..graph.plan import check

    with host.using(host.Settings(inputs=(path.parent, *job.folders), device=job.device)):
        check(bound(job.graph, job.target, path), catalogue())


def _summary(
    manifest: Manifest,
    keys: Sequence[str],
    left: set[str],
    seconds: float,
    remarks: tuple[str, ...],
) -> BatchSummary:
    items = [manifest.items[key] for key in keys]
    made = [item for item in items if item.status == "done" and item.path in left]
    counts = Counter(item.status for item in items)
    slowest = max(made, key=lambda item: item.seconds, default=None)
    return BatchSummary(
        manifest=str(manifest.path),
        inputs=len(items),
        done=len(made),
        skipped=counts["done"] - len(made),
        failed=counts["failed"],
        pending=counts["pending"],
        frames=sum(item.frames or 0 for item in made),
        seconds=seconds,
        slowest=(slowest.path, slowest.seconds) if slowest else None,
        errors={item.path: item.error for item in items if item.status == "failed"},
        remarks=remarks,
        interrupted=False,
    )
