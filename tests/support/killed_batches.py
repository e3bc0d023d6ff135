"""Kill a batch at each of its steps in turn, and finish it after each kill.

python killed_batches.py FOLDER prints the number of kills for a batch of whole clips and for one in
chunks. The killed processes are forks, as a new interpreter would import for seconds each time.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from batch_checks import COPY, entries, files_of, footage, verified
from killed_runs import killing
from kinograph.workflows import cli
from kinograph.workflows.batch import run_batch as batch
from kinograph.workflows.batch.attempt import AttemptResult
from kinograph.workflows.batch.manifest import Manifest, read_manifest
from kinograph.workflows.chunked import resumable_run as chunked  # noqa: F401 -- imported before the forks
from kinograph.workflows.graph.catalogue import catalogue


def quietly(arguments: Sequence[str]) -> int:
    """Run `kinograph` without output on stdout; return its exit status."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        return cli.main(arguments)


def forked(arguments: Sequence[str], before: Callable[[], None]) -> int:
    """Run `kinograph` in a fork; return its exit status, or the negative signal that ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 99
    try:
        before()
        status = quietly(arguments)
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def killed_after(calls: int) -> None:
    killing(calls, (Manifest, "put"))


def killed_at_the_end(calls: int) -> None:
    """Like `killed_after`, but counting starts when the first attempt has written its files."""
    real = batch.attempt

    def attempt(*arguments: Any) -> AttemptResult:
        outcome = real(*arguments)
        killed_after(calls)
        return outcome

    batch.attempt = attempt


def kills(folder: Path, frames: Sequence[int], chunk: str) -> int:
    """Kill the batch before each step that changes the disk; return the number of such steps."""
    graph = folder / "graph.json"
    graph.write_text(json.dumps(COPY))
    clips = [footage(folder / f"{i}.mp4", n) for i, n in enumerate(frames)]
    out = folder / "out"
    words = ["batch", str(graph), *map(str, clips), "--chunk", chunk, "--device", "cpu"]
    words += ["--output-dir", str(out)]
    # Earlier steps of a chunked run are tested with chunked runs.
    trap = killed_after if chunk == "0" else killed_at_the_end
    step = 1
    while status := forked(words, partial(trap, step)):
        assert status == -signal.SIGKILL, (step, status)
        found = read_manifest(out)
        items = found.items.values() if found else ()
        done = {i.folder: files_of(out / i.folder) for i in items if i.status == "done"}
        # Whole clips get new output names, so that leftovers are detected; chunked ones keep
        # theirs, so that the interrupted run is resumed.
        other = [] if done or chunk != "0" else ["--set", "3.filename_prefix=other"]
        assert quietly([*words, *other]) == 0, step
        assert verified(out) == sum(frames), step
        assert {name: files_of(out / name) for name in done} == done, step
        assert all(entry["status"] == "done" for entry in entries(out).values()), step
        shutil.rmtree(out)
        step += 1
    shutil.rmtree(out)
    return step - 1


if __name__ == "__main__":
    torch.set_num_threads(1)
    catalogue()
    print(kills(Path(sys.argv[1]), [1, 1], "0"), kills(Path(sys.argv[1]), [3], "2"))
