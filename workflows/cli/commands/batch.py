"""`kinograph batch`: run a graph over many files, on this machine or on a Ray cluster."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arguments import (
    add_debug,
    add_device,
    add_graph,
    add_output_dir,
    add_reading,
    count,
    input_folders,
    reading_of,
)
from ..command import Command

if TYPE_CHECKING:
    from ...batch.manifest import Item
    from ...batch.run_batch import BatchSummary
    from ...batch.standing import Standing

_EVERY = 30.0  # seconds between two lines of progress


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="files, folders, globs, or @LIST.txt with one of these per line; a folder of pictures "
        "is one clip",
    )
    parser.add_argument(
        "--input",
        default="",
        metavar="NODE.INPUT",
        help="the input that takes the path of each file; default: that of the graph's only Load "
        "Video or Load Image",
    )
    parser.add_argument("--recursive", action="store_true", help="include subfolders of folders")
    parser.add_argument(
        "--chunk",
        type=count,
        default=0,
        metavar="N",
        help="process N frames at a time, for long videos",
    )
    parser.add_argument(
        "--retries",
        type=count,
        default=2,
        metavar="N",
        help="further attempts at an input that fails for a reason that may pass (default 2)",
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="retry inputs that failed in an earlier run"
    )
    parser.add_argument(
        "--restart", action="store_true", help="remove what the manifest records, and start over"
    )
    parser.add_argument("--fail-fast", action="store_true", help="stop after the first failure")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="run on a Ray cluster: at ADDRESS, at that of RAY_ADDRESS, or one started here",
    )
    parser.add_argument(
        "--workers",
        type=count,
        default=0,
        metavar="N",
        help="with --ray: number of workers (default: one per GPU; without GPUs, one per machine)",
    )
    parser.add_argument(
        "--ray-copy",
        action="store_true",
        help="with --ray: transfer files through Ray, where machines share no disk; up to 2 GiB "
        "each",
    )


def _run(arguments: argparse.Namespace) -> int:
    from ....engines.errors import InputError
    from ...batch.attempt import Job, graph_digest
    from ...batch.inputs import expand, find_target
    from ...batch.manifest import Header
    from ...batch.run_batch import BatchOptions, run_batch, run_here
    from ...graph.assign import with_values
    from ...graph.catalogue import catalogue
    from ...graph.load import load_graph

    if arguments.ray is None and (arguments.workers or arguments.ray_copy):
        raise InputError("--workers and --ray-copy: need --ray; add it, or leave them out")
    graph = load_graph(arguments.graph)
    target = find_target(graph, arguments.input)
    output = arguments.output_dir.resolve()
    files = expand(arguments.inputs, target, output=output, recursive=arguments.recursive)
    _say(*files.remarks)
    job = Job(
        with_values(graph, arguments.set, catalogue()),
        target,
        input_folders(arguments.graph),
        arguments.device,
        arguments.chunk,
        reading_of(arguments),
    )
    header = Header(
        str(arguments.graph.resolve()),
        graph_digest(graph, target),
        str(target),
        tuple(arguments.set),
        arguments.chunk,
        str(job.reading),
    )
    options = BatchOptions(
        retries=arguments.retries,
        fail_fast=arguments.fail_fast,
        retry_failed=arguments.retry_failed,
        restart=arguments.restart,
    )
    bars = _Bars()
    run: Any = partial(run_here, progress=bars.of)
    if arguments.ray is not None:
        from ...batch.ray_cluster import on_ray

        run = on_ray(
            arguments.ray,
            workers=arguments.workers,
            copy=arguments.ray_copy,
            say=_say,
            progress=bars.of,
        )
    attempted = partial(_attempted, bars)
    summary = run_batch(job, files.paths, output, header, options, run=run, say=attempted)
    _say(*summary.remarks)
    if arguments.json:
        print(json.dumps(summary.as_dict(), indent=2))
    else:
        _print(summary)
    if summary.interrupted:
        _say("stopped; run the same command again to continue")
        return 128 + (summary.signal or signal.SIGINT)
    if summary.stopped:
        _say(summary.stopped)
    return 2 if summary.failed or summary.pending else 0


def _say(*lines: str) -> None:
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr):  # bars of other inputs stay below
        for line in lines:
            print(f"kinograph: {_printable(line)}", file=sys.stderr, flush=True)


def _printable(text: str) -> str:
    """Return text with bytes of file names that are not valid text escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _attempted(bars: _Bars, item: Item, standing: Standing) -> None:
    """Print the result of an attempt on the error stream, in place of its bar."""
    from ....engines.words import counted

    bars.end(Path(item.path))
    name = Path(item.path).name
    attempts = counted(item.attempts, "attempt")
    if item.status == "done":
        text = f"done in {item.seconds:.1f} s, {counted(len(item.outputs), 'file')}"
    elif item.status == "failed":
        text = f"FAILED after {attempts}: {item.error}"
    else:
        text = f"attempt {item.attempts} failed, will be retried: {item.error}"
    rest = f"; {standing.words}" if standing.words and item.status != "pending" else ""
    _say(f"{standing} {name}: {text}{rest}")
    for warning in item.warnings:
        _say(f"{standing} {name}: warning: {warning}")


class _Bars:
    """Progress within inputs: on a terminal a bar for the running node of each, which is removed
    when it is done; elsewhere a line for each every half minute."""

    def __init__(self) -> None:
        self._bars: dict[Path, Any] = {}
        self._said: dict[Path, float] = {}

    def of(self, path: Path, standing: Standing) -> Callable[[str, int], Callable[[int], None]]:
        """Return what makes the bars of an input."""
        self._said[path] = time.monotonic()
        number = standing.ended + len(self._said)
        return partial(self._start, path, f"[{number}/{standing.total}] {_printable(path.name)}")

    def end(self, path: Path) -> None:
        """Remove the bar of an input."""
        self._said.pop(path, None)
        if (bar := self._bars.pop(path, None)) is not None:
            bar.close()

    def _start(self, path: Path, where: str, title: str, total: int) -> Callable[[int], None]:
        """Replace the bar of an input by that of the next node; return what advances it."""
        from tqdm import tqdm

        if not sys.stderr.isatty():
            return self._lines(path, where, title, total)
        if path in self._bars:
            self._bars[path].close()
        bar = self._bars[path] = tqdm(
            total=total or None,
            desc=f"{where:.40}: {title:.24}",
            unit=" frames",
            file=sys.stderr,
            leave=False,
        )

        def step(done: int) -> None:
            bar.update(done)
            if bar.total is not None and bar.n >= bar.total:
                bar.close()

        return step

    def _lines(self, path: Path, where: str, title: str, total: int) -> Callable[[int], None]:
        from ...batch.standing import as_time

        began = time.monotonic()
        count = 0

        def step(done: int) -> None:
            nonlocal count
            count += done
            now = time.monotonic()
            if now - self._said.get(path, now) < _EVERY or count == total:
                return
            self._said[path] = now
            of, left = "", ""
            if total:
                of = f" of {total}"
                left = f", about {as_time((now - began) * (total - count) / count)} left of it"
            _say(f"{where}: {title}: {count}{of} frames{left}")

        return step


def _print(summary: BatchSummary) -> None:
    from ..terminal import print_table

    counts = {name: getattr(summary, name) for name in ("inputs", "done", "skipped", "failed")}
    if summary.pending:
        counts["not done"] = summary.pending
    figures = {name: str(count) for name, count in counts.items()}
    figures["seconds"] = f"{summary.seconds:.1f}"
    figures["frames/s"] = f"{summary.frames_per_second:.1f}" if summary.frames else "-"
    print_table(list(figures), [list(figures.values())], ",".join(figures))
    if summary.slowest is not None and summary.done > 1:
        print(f"slowest: {Path(summary.slowest[0]).name}, {summary.slowest[1]:.1f} s")
    for path, error in summary.errors.items():
        text = f"failed: {path}\n  " + error.replace("\n", "\n  ")
        print(_printable(text))
    print(f"\n{summary.manifest}")


COMMAND = Command(
    name="batch",
    help="run a graph once for each of many videos or images",
    run=_run,
    arguments=(add_graph, add_debug, add_device, add_output_dir, _add_arguments, add_reading),
    description="Run GRAPH once for each input, into DIR/NAME/. The same command again resumes an "
    "interrupted batch: DIR/manifest.json records what became of each input.",
    epilog="""exit status:
  0    every input is done, by this run or an earlier one
  1    an internal error: a defect of Kinograph; --debug shows where
  2    an input failed or was not reached, or a user error
  130  stopped by Ctrl-C (143: by SIGTERM); the same command again resumes
""",
    order=50,
)
