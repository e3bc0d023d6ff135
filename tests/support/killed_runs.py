"""Run a graph in chunks repeatedly, killing each run at a random place, until one finishes.

python killed_runs.py FOLDER SEED prints one line per run. The runs are forks of a process that has
imported everything.
"""

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from chunked_clips import flow_graph, tracks_graph
from kinograph.nodes.standin import host
from kinograph.nodes.streaming import Step
from kinograph.nodes.streaming.growing import Growing
from kinograph.workflows.chunked import resumable_run as chunked
from kinograph.workflows.execution import run

GRAPHS = {"flow": flow_graph, "tracks": tracks_graph}
_KILLS = 6  # later runs are not killed


def killing(calls: int, *more: tuple[type, str]) -> None:
    """Kill this process at the given call of the functions that change the disk."""
    left = [calls]

    def trapped(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call

    for owner, name in (
        (os, "fsync"),
        (Path, "unlink"),
        (Path, "replace"),
        (Path, "rename"),
        (Path, "mkdir"),
        (Growing, "append"),
        (Step, "_execute"),
        *more,
    ):
        setattr(owner, name, trapped(getattr(owner, name)))


def main(folder: Path, name: str, seed: int) -> None:
    torch.set_num_threads(1)
    chunked._SECONDS = 0.05
    chance = random.Random(seed)
    settings = host.Settings(output=folder / "out", inputs=(folder,))
    for turn in range(50):
        # Each run may get further, so that one finishes in the end.
        calls = chance.randint(1, 60 + 40 * turn) if turn < _KILLS else 0
        chunk = chance.choice([1, 7, 37, 64])
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            print(calls, chunk, status, flush=True)
            if status == 0:
                return
            if os.WIFEXITED(status):
                sys.exit(1)
            continue
        killing(calls)
        try:
            report = run.run_graph(GRAPHS[name]("clip.mp4"), settings, chunk=chunk)
            print(*report.warnings, *report.files, sep="\n", flush=True)
            os._exit(0 if report.ok else 3)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
