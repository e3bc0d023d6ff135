"""The subcommand `batch`: a graph over many files, on this machine or on a Ray cluster."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Parents, count, input_folders

if TYPE_CHECKING:
    from ..batch.manifest import Item
    from ..batch.run import Summary


EXIT_CODES = """exit status:
  0    every input is done, now or before
  1    an internal error: a defect of Kinograph; --debug shows where
  2    an input failed or was not reached, or a mistake that you can mend
  130  cancelled (Ctrl-C): the same command again goes on
"""


def add_commands(commands: Any, parents: Parents) -> None:
    """Add the subcommand to the parser's `commands`."""
    batch = commands.add_parser(
        "batch",
        parents=[parents.graph, parents.common, parents.running, parents.saving],
        help="run a graph once for each of many videos or images",
        description="Run GRAPH once for each input, into DIR/NAME/. The same command again goes on "
        "where\nit ended: DIR/manifest.json says what became of each input.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    batch.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="files, folders, globs, or @LIST.txt with one of these a line",
    )
    batch.add_argument(
        "--input",
        default="",
        metavar="NODE.INPUT",
        help="what takes the path of each file; default: the graph's one Load Video or Load Image",
    )
    batch.add_argument("--recursive", action="store_true", help="folders with their folders")
    batch.add_argument(
        "--chunk", type=count, default=0, metavar="N", help="frames at a time, for long videos"
    )
    batch.add_argument(
        "--retries", type=count, default=2, metavar="N", help="further attempts (default 2)"
    )
    batch.add_argument("--retry-failed", action="store_true", help="try again what failed before")
    batch.add_argument(
        "--restart", action="store_true", help="remove what the manifest records, begin anew"
    )
    batch.add_argument("--fail-fast", action="store_true", help="stop after the first failure")
    batch.add_argument("--json", action="store_true", help="print the summary as JSON")
    batch.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="work on a Ray cluster: its address, or that of RAY_ADDRESS, or one started here",
    )
    batch.add_argument(
        "--workers",
        type=count,
        default=0,
        metavar="N",
        help="with --ray (default: one a GPU; without GPUs, one a machine)",
    )
    batch.add_argument(
        "--ray-copy",
        action="store_true",
        help="with --ray: files travel through Ray, where machines share no disk; up to 2 GiB each",
    )
    batch.set_defaults(run=_batch)


def _batch(arguments: argparse.Namespace) -> int:
    from ...engines.errors import InputError
    from ..batch.attempt import Job, graph_digest
    from ..batch.inputs import expand, find_target
    from ..batch.manifest import Header
    from ..batch.run import Choices, run_batch, run_here
    from ..graph.catalogue import catalogue
    from ..graph.model import load_graph, with_values

    if arguments.ray is None and (arguments.workers or arguments.ray_copy):
        raise InputError("--workers and --ray-copy belong to --ray; add it, or leave them out")
    graph = load_graph(arguments.graph)
    target = find_target(graph, arguments.input)
    output = arguments.output_dir.resolve()
    found = expand(arguments.inputs, target, output=output, recursive=arguments.recursive)
    _say(*found.remarks)
    job = Job(
        with_values(graph, arguments.set, catalogue()),
        target,
        input_folders(arguments.graph),
        arguments.device,
        arguments.chunk,
    )
    header = Header(
        str(arguments.graph.resolve()),
        graph_digest(graph, target),
        str(target),
        tuple(arguments.set),
        arguments.chunk,
    )
    choices = Choices(
        retries=arguments.retries,
        fail_fast=arguments.fail_fast,
        retry_failed=arguments.retry_failed,
        restart=arguments.restart,
    )
    lines = _Lines(len(found.paths))
    run: Any = partial(run_here, progress=_Bar().start)
    if arguments.ray is not None:
        from ..batch.on_ray import on_ray

        run = on_ray(arguments.ray, workers=arguments.workers, copy=arguments.ray_copy, say=_say)
    summary = run_batch(job, found.paths, output, header, choices, run=run, say=lines.attempted)
    _say(*summary.remarks)
    if arguments.json:
        print(json.dumps(summary.as_dict(), indent=2))
    else:
        _print(summary)
    if summary.interrupted:
        _say("stopped; run the same command again to go on with what is left")
        return 130
    return 2 if summary.failed or summary.pending else 0


def _say(*lines: str) -> None:
    for line in lines:
        print(f"kinograph: {_legible(line)}", file=sys.stderr, flush=True)


def _legible(text: str) -> str:
    """Also the name of a file that is no text."""
    return text.encode("utf-8", "backslashreplace").decode()


class _Lines:
    """A line for each attempt, on the error stream."""

    def __init__(self, total: int):
        self._total = total
        self._ended = 0

    def attempted(self, item: Item) -> None:
        self._ended += item.status != "pending"
        name = Path(item.path).name
        if item.status == "done":
            files = f"{len(item.outputs)} file{'s' * (len(item.outputs) != 1)}"
            text = f"done in {item.seconds:.1f} s, {files}"
        elif item.status == "failed":
            text = f"FAILED after {item.attempts} attempts: {item.error}"
        else:
            text = f"attempt {item.attempts} failed, is tried again: {item.error}"
        _say(f"[{self._ended}/{self._total}] {name}: {text}")
        for warning in item.warnings:
            _say(f"[{self._ended}/{self._total}] {name}: warning: {warning}")


class _Bar:
    """How far the node at work is, gone when it is done; only where somebody watches."""

    def __init__(self) -> None:
        self._bar: Any = None

    def start(self, title: str, total: int) -> Callable[[int], None]:
        from tqdm import tqdm

        if self._bar is not None:
            self._bar.close()
        bar = self._bar = tqdm(
            total=total or None,
            desc=f"{title:<24.24}",
            unit=" frames",
            file=sys.stderr,
            leave=False,
            disable=None,
        )

        def step(done: int) -> None:
            bar.update(done)
            if bar.total is not None and bar.n >= bar.total:
                bar.close()

        return step


def _print(summary: Summary) -> None:
    from ..execution.report import print_table

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
        print(_legible(text))
    print(f"\n{summary.manifest}")
