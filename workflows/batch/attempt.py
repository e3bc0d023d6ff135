"""One attempt of a batch: the graph on one file, and what came of it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engines.errors import KinographError
from ...engines.files import sha256_of
from ..graph.model import Graph, Link
from .inputs import IMAGES, VIDEOS, Target, bound
from .manifest import Output, Worker, file_of

if TYPE_CHECKING:
    from ..execution.caching import ResultCache
    from ..execution.outcome import Progress


@dataclass(frozen=True)
class Job:
    """What is done with every input.

    folders: where the graph's other files are looked for
    chunk:   frames at a time; 0: all at once
    """

    graph: Graph
    target: Target
    folders: tuple[Path, ...] = ()
    device: str = "auto"
    chunk: int = 0

    @property
    def recipe(self) -> str:
        """sha256 of the graph with its values and of what takes the files."""
        return graph_digest(self.graph, self.target)


@dataclass(frozen=True)
class AttemptResult:
    """What an attempt came to. `error` is "" when it made everything.

    internal: the error is a defect or the machine's: what is kept in memory is not trusted again
    final:    another attempt would end in the same way
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
    """sha256 of what a graph computes: its classes, values and links, not titles or places, and
    not the file that the target happens to name."""

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
    """Run the graph on one file, writing into `folder`. What goes wrong stands in the outcome."""
    from ...nodes.standin import host
    from ..execution.run_graph import run_graph

    worker = this_worker(job.device)
    started = time.perf_counter()

    def failed(error: str, **more: Any) -> AttemptResult:
        return AttemptResult(error, round(time.perf_counter() - started, 3), worker=worker, **more)

    try:
        before = path.stat()
        known: dict[str, Any] = {
            "size": before.st_size,
            "mtime_ns": before.st_mtime_ns,
            "sha256": sha256_of(path),
        }
    except OSError as error:
        return failed(f"{path}: cannot be read ({error.strerror or error})")
    settings = host.Settings(output=folder, inputs=(path.parent, *job.folders), device=job.device)
    try:
        report = run_graph(
            bound(job.graph, job.target, path),
            settings,
            cache=cache,
            chunk=job.chunk,
            progress=progress,
        )
    except KinographError as error:
        return failed(str(error), **known)
    except Exception as error:  # recorded in words; the other inputs go on
        return failed(internal_error(error), internal=True, **known)
    if not report.ok:
        return failed("; ".join(report.errors) or "the run failed", **known)
    try:
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            return failed(f"{path}: changed while it was worked on", **known)
        outputs = _outputs(folder)
    except OSError as error:
        return failed(f"{file_of(error)}: cannot be read again ({error.strerror})", **known)
    warnings = report.warnings
    if not outputs:
        warnings += ("nothing was saved: the graph has no node that did",)
    return AttemptResult(
        seconds=round(time.perf_counter() - started, 3),
        frames=_frames(path),
        worker=worker,
        outputs=outputs,
        warnings=warnings,
        **known,
    )


def internal_error(error: Exception) -> str:
    """A defect or a failure of the machine, with the place where it came up."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return f"internal error: {type(error).__name__}: {error} ({place})"


def this_worker(device: str) -> Worker:
    """Who this process is; `device` "auto" is the GPU's name, or "cpu"."""
    if device == "auto" or device.startswith("cuda"):
        import torch

        there = torch.cuda.is_available()
        device = torch.cuda.get_device_name() if there else "cpu" if device == "auto" else device
    return Worker(socket.gethostname(), os.getpid(), device)


def _outputs(folder: Path) -> tuple[Output, ...]:
    """Every file under a folder, by path, with paths relative to it."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return tuple(
        Output(p.relative_to(folder).as_posix(), p.stat().st_size, sha256_of(p)) for p in files
    )


def _frames(path: Path) -> int | None:
    """Frames of a video as the file states, or None."""
    if path.suffix.lower() in IMAGES - VIDEOS:
        return 1
    import av

    try:
        with av.open(str(path)) as container:
            return container.streams.video[0].frames or None
    except (av.error.FFmpegError, IndexError):
        return None
