"""A worker of a batch on a Ray cluster: an actor in a separate process."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from ... import __version__
from ..execution.memory import keep_freed_memory
from .attempt import AttemptResult, Job, attempt, this_worker
from .manifest import Worker
from .ray_progress import Reporter

COPY_LIMIT = 2 * 2**30  # bytes of an input, and of an input's outputs, with copying


class RayWorker:
    """Runs in each process of the cluster.

    It imports PyTorch when the first input arrives, as Ray has set the number of threads by then.
    """

    def __init__(self, job: Job):
        os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command line does
        keep_freed_memory()
        self._job = job
        self._cache: Any = None

    def hello(self) -> tuple[str, Worker]:
        """Return the version of Kinograph here, and a description of this process."""
        return __version__, this_worker(self._job.device)

    def run(self, path: Path, folder: Path, key: str, board: Any) -> AttemptResult:
        """Make an attempt, where this machine and the driver share a file system.

        key:   names the attempt in its reports
        board: the actor to which it reports its progress
        """
        from .cache import WarmCache

        for needed in (path, folder):
            if not needed.exists():
                worker = this_worker(self._job.device)
                return AttemptResult(
                    f"{needed}: does not exist on {worker.host}; inputs and output folder must "
                    "have the same paths on every machine; otherwise use --ray-copy",
                    worker=worker,
                )
        if self._cache is None:
            self._cache = WarmCache()
        reporter = Reporter(key, board.put.remote)
        return attempt(self._job, path, folder, self._cache, reporter)

    def run_copied(
        self, path: Path, data: bytes, key: str, board: Any
    ) -> tuple[AttemptResult, dict[str, bytes]]:
        """Make an attempt at a file sent as bytes; return the files that it made as bytes."""
        with tempfile.TemporaryDirectory(prefix="kinograph-") as name:
            here = Path(name) / "input" / path.name
            folder = Path(name) / "output"
            here.parent.mkdir()
            folder.mkdir()
            here.write_bytes(data)
            outcome = self.run(here, folder, key, board)
            total = sum(output.bytes for output in outcome.outputs)
            if total > COPY_LIMIT:
                error = (
                    f"{path}: its outputs have {total / 2**30:.1f} GiB, but --ray-copy transfers "
                    f"at most {COPY_LIMIT / 2**30:.0f} GiB; use a disk that all machines share"
                )
                return replace(outcome, error=error, final=True, outputs=()), {}
            files = {o.path: (folder / o.path).read_bytes() for o in outcome.outputs}
        # The path of the copy means nothing to the user.
        return replace(outcome, error=outcome.error.replace(str(here), str(path))), files
