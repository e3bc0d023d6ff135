"""One attempt of a batch: run the graph on one file."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import KinographError, MediaError, ModelError
from ...engines.files import sha256_of
from ...engines.video.still_files import is_stills
from ...engines.video.timing import WHOLE, ReadOptions
from ..graph.model import Graph, Link
from .inputs import IMAGES, VIDEOS, Target, bound
from .manifest import Output, Worker, file_of
from .stamps import checked_stat, digest_of, files_of

if TYPE_CHECKING:
    from ..execution.caching import ResultCache
    from ..execution.outcome import Progress


@dataclass(frozen=True)
class Job:
    """What a batch does with every input.

    target:  the input of the graph that takes the path of the file
    folders: where to look for the other files that the graph names
    chunk:   frames at a time; 0: all at once
    reading: which part of videos is read, and at which rate
    """

    graph: Graph
    target: Target
    folders: tuple[Path, ...] = ()
    device: str = "auto"
    chunk: int = 0
    reading: ReadOptions = WHOLE

    @property
    def recipe(self) -> str:
        """The SHA-256 of the graph with its values and of the target."""
        return graph_digest(self.graph, self.target)


@dataclass(frozen=True)
class AttemptResult:
    """The result of an attempt.

    error:    why it failed, or ""
    size, mtime_ns, sha256: of the input file
    frames:   of the input as its file states, None if unknown
    outputs:  the files that it made
    internal: the error is a defect or a failure of the machine, so that nothing kept in memory is
              used again
    final:    another attempt would fail in the same way
    """

    error: str = ""
    seconds: float = 0.0
    size: int = 0
    mtime_ns: int = 0
    sha256: str = ""
    frames: int | None = None
    worker: Worker | None = None
    outputs: tuple[Output, ...] = ()
    warnings: tuple[str, ...] = ()
    internal: bool = False
    final: bool = False


def graph_digest(graph: Graph, target: Target) -> str:
    """Return the SHA-256 of what a graph computes: classes, values and links.

    Titles and positions do not count, nor does the value of the target.
    """

    def plain(value: Any) -> Any:
        return {"link": [value.node, value.slot]} if isinstance(value, Link) else repr(value)

    nodes = {
        n.id: [n.class_type, {name: plain(value) for name, value in n.inputs.items()}]
        for n in bound(graph, target, Path()).nodes.values()
    }
    return hashlib.sha256(json.dumps([str(target), nodes], sort_keys=True).encode()).hexdigest()


def attempt(
    job: Job,
    path: Path,
    folder: Path,
    cache: ResultCache,
    progress: Progress | None = None,
) -> AttemptResult:
    """Run the graph on one file, writing into `folder`. Errors are in the result.

    cache:    what stays in memory from one input to the next
    progress: makes a progress bar for a node from its title and its number of frames
    """
    from ...nodes.standin import host
    from ..execution.run_graph import run_graph

    worker = this_worker(job.device)
    started = time.perf_counter()

    def failed(error: str, **more: Any) -> AttemptResult:
        return AttemptResult(error, round(time.perf_counter() - started, 3), worker=worker, **more)

    try:
        before = checked_stat(path)
        known: dict[str, Any] = {
            "size": before[0],
            "mtime_ns": before[1],
            "sha256": digest_of(path),
        }
    except MediaError as error:
        return failed(str(error), final=True)
    except OSError as error:
        text = f"{path}: cannot be read ({error.strerror or error})"
        return failed(text, final=_would_fail_again(error))
    settings = host.Settings(
        output=folder,
        inputs=(path.parent, *job.folders),
        device=job.device,
        reading=job.reading,
    )
    try:
        report = run_graph(
            bound(job.graph, job.target, path),
            settings,
            cache=cache,
            chunk=job.chunk,
            progress=progress,
        )
    except KinographError as error:
        return failed(str(error), final=_would_fail_again(error), **known)
    except Exception as error:  # recorded; the other inputs are not affected
        return failed(internal_error(error), internal=True, **known)
    if not report.ok:
        final = report.failure is None or _would_fail_again(report.failure)
        return failed("; ".join(report.errors) or "the run failed", final=final, **known)
    try:
        if checked_stat(path) != before:
            return failed(f"{path}: was modified while it was processed", **known)
        outputs = _outputs(folder, report.files)
    except MediaError as error:
        return failed(str(error), final=True, **known)
    except OSError as error:
        return failed(f"{file_of(error)}: cannot be read back ({error.strerror})", **known)
    warnings = report.warnings
    if not outputs:
        warnings += ("nothing was saved: no node of the graph saved a file",)
    return AttemptResult(
        seconds=round(time.perf_counter() - started, 3),
        frames=_frames(path),
        worker=worker,
        outputs=outputs,
        warnings=warnings,
        **known,
    )


def _would_fail_again(error: BaseException | None) -> bool:
    """Return whether another attempt is pointless: the user has to change something first.

    A full disk, a file that cannot be read at the moment, or a download may be retried.
    """
    while error is not None:
        if isinstance(error, ModelError):
            return False
        if isinstance(error, OSError) and error.errno not in _LASTING:
            return False
        error = error.__cause__
    return True


# System errors that do not pass with time; None: a library's own error, for damaged files.
_LASTING = (
    None,
    errno.ENOENT,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EACCES,
    errno.EPERM,
    errno.EINVAL,
)


def internal_error(error: Exception) -> str:
    """Return the message for a defect or a failure of the machine, with the place it occurred."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return f"internal error: {type(error).__name__}: {error} ({place})"


def this_worker(device: str) -> Worker:
    """Describe this process; for the device "auto" and "cuda" with the name of the GPU."""
    if device == "auto" or device.startswith("cuda"):
        import torch

        has_gpu = torch.cuda.is_available()
        device = torch.cuda.get_device_name() if has_gpu else "cpu" if device == "auto" else device
    return Worker(socket.gethostname(), os.getpid(), device)


def _outputs(folder: Path, saved: Iterable[Path]) -> tuple[Output, ...]:
    """Return what the graph saved below a folder, sorted, with paths relative to it.

    saved: files, and folders with all that is in them
    """
    root = folder.resolve()
    found = {
        file.relative_to(root)
        for path in saved
        for file in (path.resolve().rglob("*") if path.is_dir() else (path.resolve(),))
        if file.is_file() and file.is_relative_to(root)
    }
    files = [folder / file for file in sorted(found)]
    return tuple(
        Output(p.relative_to(folder).as_posix(), p.stat().st_size, sha256_of(p)) for p in files
    )


def _frames(path: Path) -> int | None:
    """Return the number of frames as the file states it, or None."""
    if is_stills(path):
        return len(files_of(path))
    if path.suffix.lower() in IMAGES - VIDEOS:
        return 1
    from ...engines.video.open import opened_video

    try:
        with opened_video(path) as (_, stream):
            return stream.frames or None
    except MediaError:
        return None
