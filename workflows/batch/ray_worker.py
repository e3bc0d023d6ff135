"""A worker of a batch on a Ray cluster: the actor that runs in a process of its own."""

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

COPY_LIMIT = 2 * 2**30  # bytes of an input, and of an input's outputs, with copying


class RayWorker:
    """What runs in each process of the cluster. Imports PyTorch when the first input comes: Ray has
    set the number of threads by then."""

    def __init__(self, job: Job):
        os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command line does
        keep_freed_memory()
        self._job = job
        self._cache: Any = None

    def hello(self) -> tuple[str, Worker]:
        """The version of Kinograph here, and who this is."""
        return __version__, this_worker(self._job.device)

    def run(self, path: Path, folder: Path) -> AttemptResult:
        """An attempt where this machine and the driver see the same files."""
        from .cache import WarmCache

        for needed in (path, folder):
            if not needed.exists():
                worker = this_worker(self._job.device)
                return AttemptResult(
                    f"{needed}: is not there on {worker.host}; inputs and output folder must have "
                    "the same paths on every machine, or add --ray-copy",
                    worker=worker,
                )
        if self._cache is None:
            self._cache = WarmCache()
        return attempt(self._job, path, folder, self._cache)

    def run_copied(self, path: Path, data: bytes) -> tuple[AttemptResult, dict[str, bytes]]:
        """An attempt at a file that came as bytes; the files that it made go back as bytes."""
        with tempfile.TemporaryDirectory(prefix="kinograph-") as name:
            here = Path(name) / "input" / path.name
            folder = Path(name) / "output"
            here.parent.mkdir()
            folder.mkdir()
            here.write_bytes(data)
            outcome = self.run(here, folder)
            total = sum(output.bytes for output in outcome.outputs)
            if total > COPY_LIMIT:
                error = (
                    f"{path}: its outputs have {total / 2**30:.1f} GiB, --ray-copy takes "
                    f"{COPY_LIMIT / 2**30:.0f}; use a disk that all machines share"
                )
                return replace(outcome, error=error, final=True, outputs=()), {}
            files = {o.path: (folder / o.path).read_bytes() for o in outcome.outputs}
        # The copy's path says nothing to anybody.
        return replace(outcome, error=outcome.error.replace(str(here), str(path))), files
